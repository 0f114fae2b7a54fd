"""The example over HTTP, behind the local server."""

import json
import os
import pathlib
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVICE = os.environ.get("SERVICE_URL", "http://127.0.0.1:8000")


def call(method, path, body=None, token=None):
    """Status and body of a response."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(SERVICE + path, data, headers, method=method)) as response:
            return response.status, json.loads(response.read() or "null")
    except HTTPError as error:
        return error.code, json.loads(error.read() or "null")


def sign_in():
    """The token of the admin of a new organization."""
    name, password = f"Company {uuid.uuid4()}", "Admin@123"
    email = f"{uuid.uuid4()}@example.com"
    status, _ = call("POST", "/org/create", {"organization_name": name, "email": email, "password": password})
    assert status == 201, status
    status, session = call("POST", "/admin/login", {"email": email, "password": password})
    assert status == 200, status
    return session["access_token"]


def draft(token, cents=1250):
    status, invoice = call("POST", "/erp/invoices", {"customer": "Acme", "amount_cents": cents}, token)
    assert status == 201, (status, invoice)
    return invoice["id"]


class Invoices(unittest.TestCase):
    def test_a_draft_is_posted_once_and_listed(self):
        token = sign_in()
        id = draft(token)
        self.assertEqual(call("GET", "/erp/invoices", token=token)[1], {"invoices": [], "next_after": None})
        status, posted = call("POST", f"/erp/invoices/{id}/post", {}, token)
        self.assertEqual((status, posted["number"], posted["amount_cents"]), (200, 1, 1250))
        self.assertEqual(call("POST", f"/erp/invoices/{id}/post", {}, token)[0], 409)
        self.assertEqual(call("GET", "/erp/invoices", token=token)[1]["invoices"], [posted])

    def test_32_posts_at_once_have_32_numbers_in_a_row(self):
        token = sign_in()
        ids = [draft(token) for _ in range(32)]
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda id: call("POST", f"/erp/invoices/{id}/post", {}, token), ids))
        self.assertEqual({status for status, _ in answers}, {200})
        self.assertEqual(sorted(invoice["number"] for _, invoice in answers), list(range(1, 33)))
        numbers, after = [], 0
        while after is not None:
            page = call("GET", f"/erp/invoices?limit=10&after={after}", token=token)[1]
            numbers += [invoice["number"] for invoice in page["invoices"]]
            after = page["next_after"]
        self.assertEqual(numbers, list(range(1, 33)))

    def test_another_organization_sees_and_changes_nothing(self):
        one, other = sign_in(), sign_in()
        id = draft(one)
        self.assertEqual(call("POST", f"/erp/invoices/{id}/post", {}, other)[0], 404)
        self.assertEqual(call("POST", f"/erp/invoices/{id}/post", {}, one)[0], 200)
        self.assertEqual(call("GET", "/erp/invoices", token=other)[1]["invoices"], [])

    def test_after_a_logout_the_token_is_refused(self):
        token = sign_in()
        self.assertEqual(call("GET", "/erp/invoices", token=token)[0], 200)
        self.assertEqual(call("POST", "/admin/logout", token=token)[0], 204)
        for refused in [token, "x", None]:
            self.assertEqual(call("GET", "/erp/invoices", token=refused)[0], 401)

    def test_bad_input_is_refused(self):
        token = sign_in()
        for body in [{}, {"customer": "Acme", "amount_cents": 1.5}, {"customer": {"$ne": 1}, "amount_cents": 1}]:
            self.assertEqual(call("POST", "/erp/invoices", body, token)[0], 422, body)
        for path in ["/erp/invoices?limit=0", "/erp/invoices?after=x"]:
            self.assertEqual(call("GET", path, token=token)[0], 400, path)
        self.assertEqual(call("GET", "/erp/nothing", token=token)[0], 404)


    def test_drafts_are_listed_until_they_are_posted(self):
        token = sign_in()
        id = draft(token)
        self.assertEqual([invoice["id"] for invoice in call("GET", "/erp/drafts", token=token)[1]["invoices"]], [id])
        self.assertEqual(call("POST", f"/erp/invoices/{id}/post", {}, token)[0], 200)
        self.assertEqual(call("GET", "/erp/drafts", token=token)[1]["invoices"], [])

    def test_the_page_is_served_without_a_token(self):
        for path, media_type in [("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")]:
            with urlopen(f"{SERVICE}/erp/{path}") as response:
                self.assertEqual(response.headers.get_content_type(), media_type)
                self.assertIn("default-src 'none'", response.headers["content-security-policy"])
                self.assertTrue(response.read())


class Isolation(unittest.TestCase):
    def test_only_one_module_imports_pymongo(self):
        folder = pathlib.Path(__file__).parent.parent / "python"
        importing = [file.name for file in folder.rglob("*.py") if "pymongo" in file.read_text()]
        self.assertEqual(importing, ["tenant.py"])


if __name__ == "__main__":
    unittest.main()
