"""The example over HTTP, behind the local server."""

import json
import os
import pathlib
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVICE = os.environ.get("SERVICE", "http://127.0.0.1:8000")
FUNCTIONS = os.environ.get("FUNCTIONS", "http://127.0.0.1:9001") + "/2015-03-31/functions"


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
    """The token of the owner of a new organization."""
    status, session = call("POST", "/dev/sign-in", {"organization": f"Company {uuid.uuid4()}"})
    assert status == 200, (status, session)
    return session["access_token"]


def trail(token):
    """The actions in the organization's audit trail, with their details."""
    events = call("GET", "/org/audit?limit=100", token=token)[1]["events"]
    return [(event["action"], event.get("details")) for event in events]


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
        self.assertEqual([one for one in trail(token) if one[0].startswith("invoices.")], [("invoices.invoice_posted", {"number": 1})])

    def test_the_ledger_has_the_accounts_of_the_product_file(self):
        token = sign_in()
        self.assertEqual(call("GET", "/erp/ledger", token=token)[1], {"accounts": [{"label": "Sales", "amount_cents": 0}]})
        for cents in [1250, 99]:
            self.assertEqual(call("POST", f"/erp/invoices/{draft(token, cents)}/post", {}, token)[0], 200)
        self.assertEqual(call("GET", "/erp/ledger", token=token)[1]["accounts"][0]["amount_cents"], 1349)

    def test_the_nightly_job_reminds_of_drafts_in_each_organization(self):
        tokens = [sign_in(), sign_in()]
        for token in tokens:
            draft(token)
        with urlopen(Request(f"{FUNCTIONS}/reminders/invocations", b"{}", method="POST")) as response:
            report = json.loads(response.read())
            self.assertIsNone(response.headers["x-amz-function-error"], report)
        self.assertEqual(report["failed"], 0)
        self.assertGreaterEqual(report["done"], 2)
        for token in tokens:
            self.assertTrue(all(one["reminded"] for one in call("GET", "/erp/drafts", token=token)[1]["invoices"]))
            self.assertIn("invoices.reminders", [action for action, _ in trail(token)])

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
            self.assertEqual(call("POST", "/erp/invoices", body, token)[0], 400, body)
        for body in [{"customer": "", "amount_cents": 1}, {"customer": "Acme", "amount_cents": -1}]:
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
