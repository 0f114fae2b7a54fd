#!/usr/bin/env python3
"""Calls a running service through the client that openapi-python-client generates from its OpenAPI document.

Usage: use_client.py <base URL> <folder that has the generated package `organization_client`>
"""
import sys
import uuid

base_url, folder = sys.argv[1:]
sys.path.insert(0, folder)

from organization_client import AuthenticatedClient, Client
from organization_client.api.access import create_organization, log_in, log_out, refresh_session
from organization_client.api.organization import list_audit_events, rename_organization, show_organization
from organization_client.api.service import check_health
from organization_client.models import (
    AuditPage, CreatedOrganization, CreateOrganization, Credentials, Health, HealthStatus, Organization, Problem,
    RefreshSession, RenameOrganization, TokenResponse, TokenType,
)
from organization_client.types import UNSET


def expect(response, status, kind):
    """The body of the response, if it has this status and was read as this type."""
    assert response.status_code == status, (response.status_code, response.content)
    assert isinstance(response.parsed, kind), (type(response.parsed), response.content)
    assert response.headers["x-request-id"]
    return response.parsed


def with_token(tokens):
    assert tokens.token_type is TokenType.BEARER
    return AuthenticatedClient(base_url, token=tokens.access_token, raise_on_unexpected_status=True)


public = Client(base_url, raise_on_unexpected_status=True)
run = uuid.uuid4().hex
name, email, password = f"Company {run}", f"admin-{run}@example.com", f"correct horse {run}"

health = expect(check_health.sync_detailed(client=public), 200, Health)
assert health.status is HealthStatus.OK

# Create, twice with the same key: one organization.
new = CreateOrganization(organization_name=name, email=email, password=password)
created = [
    expect(create_organization.sync_detailed(client=public, body=new, idempotency_key=run), 201, CreatedOrganization)
    for _ in range(2)
]
assert created[0] == created[1] and created[0].organization_name == name

# Log in, show and rename.
credentials = Credentials(email=email, password=password)
tokens = expect(log_in.sync_detailed(client=public, body=credentials), 200, TokenResponse)
admin = with_token(tokens)
shown = expect(show_organization.sync_detailed(client=admin), 200, Organization)
assert shown.id == created[0].id == tokens.organization_id
rename = RenameOrganization(organization_name=f"{name} Ltd")
renamed = expect(rename_organization.sync_detailed(client=admin, body=rename), 200, Organization)
assert renamed.organization_name == f"{name} Ltd" and renamed.updated_at >= shown.updated_at

# The trail, page by page.
events, cursor = [], UNSET
while cursor is not None:
    page = expect(list_audit_events.sync_detailed(client=admin, limit=2, cursor=cursor), 200, AuditPage)
    events += page.events
    cursor = page.next_cursor
assert [event.action for event in events] == ["organization_renamed", "login", "organization_created"], events
assert (events[0].details.from_, events[0].details.to) == (name, f"{name} Ltd")
assert events[1].details is UNSET and events[1].session_id and events[1].admin_id == tokens.admin_id
assert events[2].details.organization_name == name

# Refresh: the new token works.
refresh = RefreshSession(refresh_token=tokens.refresh_token)
tokens = expect(refresh_session.sync_detailed(client=public, body=refresh), 200, TokenResponse)
admin = with_token(tokens)

# Errors are read as problems, also their fields.
short = RenameOrganization(organization_name="A")
refused = rename_organization.sync_detailed(client=admin, body=short)
problem = expect(refused, 422, Problem)
assert problem.code == "validation_failed" and problem.request_id == refused.headers["x-request-id"]
assert [(error.field, error.code) for error in problem.errors] == [("organization_name", "too_short")]

# Log out: the token is refused afterwards.
logged_out = log_out.sync_detailed(client=admin)
assert logged_out.status_code == 204, logged_out.content
problem = expect(show_organization.sync_detailed(client=admin), 401, Problem)
assert problem.code == "invalid_token" and problem.errors is UNSET

print("The generated client works: health, create, log in, show, rename, trail, refresh, error, log out")
