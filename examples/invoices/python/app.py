"""Invoices of an organization: drafts, which are posted with a number, a list of the posted ones, and a page for them."""

import base64
import html
import json
import os
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tenant import Tenant, open_tenants

BASE_PATH = os.environ.get("BASE_PATH", "")
MAX_PAGE = 100
# The account of posted invoices.
SALES = "account:sales"
# URL of the service, where the page signs in. Empty if both have one domain.
SERVICE_URL = os.environ.get("SERVICE_URL", "")
PAGE = {"": ("index.html", "text/html"), "page.css": ("page.css", "text/css"), "page.js": ("page.js", "text/javascript")}


class Refused(Exception):
    """A request that gets a problem (RFC 9457) as its response."""

    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


def handler(event, context):
    path = event["rawPath"].removeprefix(BASE_PATH).removeprefix("/")
    if path in PAGE and event["requestContext"]["http"]["method"] == "GET":
        # The page's links are relative to its folder.
        if event["rawPath"].endswith(BASE_PATH) and BASE_PATH:
            return {"statusCode": 308, "headers": {"location": f"{BASE_PATH}/"}}
        return page_file(*PAGE[path])
    try:
        status, body = route(event)
    except Refused as refused:
        problem = {"status": refused.status, "code": refused.code, "detail": refused.detail}
        headers = {"content-type": "application/problem+json"}
        if refused.status == 401:
            headers["www-authenticate"] = "Bearer"
        return {"statusCode": refused.status, "headers": headers, "body": json.dumps(problem)}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def remind(event, context):
    """A scheduled job: marks the drafts that are older than `REMIND_AFTER_DAYS`."""
    now = datetime.now(timezone.utc)
    before = now - timedelta(days=int(os.environ.get("REMIND_AFTER_DAYS", 7)))
    old = {"state": "draft", "created_at": {"$lte": before}, "reminded_at": None}
    report = {"done": 0, "failed": 0}
    for tenant in open_tenants():
        try:
            if count := tenant.kind("invoice").set_all(old, {"reminded_at": now}):
                tenant.audit("invoices.reminders", {"drafts": count})
            report["done"] += 1
        except Exception as error:
            print(json.dumps({"level": "ERROR", "message": "a reminder failed", "error": repr(error)}))
            report["failed"] += 1
    if report["failed"]:
        raise RuntimeError(f"the reminders failed for {report['failed']} organizations")
    return report


def page_file(name, media_type):
    """A file of the page. Everybody may read it: it has no data."""
    text = (Path(__file__).parent / "page" / name).read_text()
    headers = {
        "content-type": f"{media_type}; charset=utf-8",
        "content-security-policy": f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {SERVICE_URL};"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "x-content-type-options": "nosniff",
    }
    body = text.replace('data-service-url=""', f'data-service-url="{html.escape(SERVICE_URL)}"')
    return {"statusCode": 200, "headers": headers, "body": body}


def route(event):
    caller = event["requestContext"]["authorizer"]["lambda"]
    if caller.get("authenticated") == "false":
        raise Refused(401, "invalid_token", "The token is missing or invalid.")
    tenant = Tenant(caller)
    method = event["requestContext"]["http"]["method"]
    path = event["rawPath"].removeprefix(BASE_PATH).strip("/").split("/")
    match method, path:
        case "GET", ["invoices"]:
            return list_posted(tenant, event.get("queryStringParameters") or {})
        case "GET", ["drafts"]:
            return list_drafts(tenant)
        case "GET", ["ledger"]:
            return show_ledger(tenant)
        case "POST", ["invoices"]:
            return add_draft(tenant, json_body(event))
        case "POST", ["invoices", id, "post"]:
            return post(tenant, id, caller["admin_id"])
        case _:
            raise Refused(404, "not_found", f"{method} {event['rawPath']} does not exist (BASE_PATH is {BASE_PATH!r}).")


def add_draft(tenant, body):
    customer, cents = body.get("customer"), body.get("amount_cents")
    # An integer: a fraction of a cent would be lost in a float.
    if not isinstance(customer, str) or type(cents) is not int:
        raise Refused(400, "malformed_request", "`customer` must be a text, and `amount_cents` an integer.")
    if not 1 <= len(customer) <= 200:
        raise Refused(422, "validation_failed", "`customer` must have 1 to 200 characters.")
    if not 0 < cents < 10**12:
        raise Refused(422, "validation_failed", "`amount_cents` must be positive and below 10^12.")
    invoice = {"_id": str(uuid.uuid4()), "customer": customer, "amount_cents": cents, "state": "draft"}
    invoice |= {"created_at": datetime.now(timezone.utc), "reminded_at": None}
    tenant.kind("invoice").insert(invoice)
    return 201, shown(invoice)


def post(tenant, id, admin_id):
    """Number, ledger line, audit event and the new state are one transaction."""

    def run(tenant):
        invoices = tenant.kind("invoice")
        invoice = invoices.find_one({"_id": id})
        if invoice is None:
            raise Refused(404, "not_found", "This invoice does not exist.")
        if invoice["state"] != "draft":
            raise Refused(409, "invoices.not_a_draft", f"This invoice is {invoice['state']}.")
        posted = {"state": "posted", "number": tenant.next_number("invoice")}
        invoices.set({"_id": id}, posted)
        line = {"_id": f"ledger:{id}", "account": SALES, "amount_cents": invoice["amount_cents"], "posted_by": admin_id}
        tenant.kind("ledger_line").insert(line)
        tenant.audit("invoices.invoice_posted", {"number": posted["number"]})
        return {**invoice, **posted}

    return 200, shown(tenant.transaction(run))


def list_posted(tenant, query):
    """By number, from `after` on."""
    limit, after = number(query, "limit", 20), number(query, "after", 0)
    if not 1 <= limit <= MAX_PAGE:
        raise Refused(400, "malformed_request", f"`limit` must be 1 to {MAX_PAGE}.")
    # One more than requested: it shows whether there is another page.
    found = tenant.kind("invoice").find({"state": "posted", "number": {"$gt": after}}, "number", limit + 1)
    page = found[:limit]
    next_after = page[-1]["number"] if len(found) > limit else None
    return 200, {"invoices": [shown(invoice) for invoice in page], "next_after": next_after}


def list_drafts(tenant):
    found = tenant.kind("invoice").find({"state": "draft"}, "created_at", MAX_PAGE)
    return 200, {"invoices": [shown(invoice) for invoice in found]}


def show_ledger(tenant):
    """The sum of each account's lines. The accounts are seeds of `product.json`."""
    lines = tenant.kind("ledger_line")
    accounts = tenant.kind("account").find({}, "_id", MAX_PAGE)
    return 200, {
        "accounts": [{"label": one["label"], "amount_cents": lines.sum({"account": one["_id"]}, "amount_cents")} for one in accounts]
    }


def shown(invoice):
    return {
        "id": invoice["_id"],
        "customer": invoice["customer"],
        "amount_cents": invoice["amount_cents"],
        "state": invoice["state"],
        "number": invoice.get("number"),
        "reminded": invoice["reminded_at"] is not None,
    }


def number(query, name, default):
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused(400, "malformed_request", f"`{name}` must be a number.")
    return int(text)


def json_body(event):
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text)
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "malformed_request", "The body must be a JSON object.")
    return body
