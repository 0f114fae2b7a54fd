//! Snapshots of the response of each route.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{PASSWORD, TestService};

#[tokio::test]
async fn post_org_create() {
    let service = TestService::start().await;
    let created = service.create("Akshay Pvt Ltd", "admin@example.com").await;
    assert_snapshot!(created.snapshot(), @r#"
    201
    {
      "collection_name": "org_akshay_pvt_ltd",
      "id": "<id>",
      "organization_name": "Akshay Pvt Ltd"
    }
    "#);
}

#[tokio::test]
async fn post_org_create_with_a_taken_email() {
    let (service, owner) = TestService::start_with_owner().await;
    let refused = service.create("Other", &owner.email).await;
    assert_snapshot!(refused.snapshot(), @r#"
    409
    {
      "code": "email_taken",
      "detail": "An admin with this email exists already.",
      "request_id": "<request id>",
      "status": 409,
      "title": "The email is taken",
      "type": "urn:problem-type:org-management:email_taken"
    }
    "#);
}

#[tokio::test]
async fn post_admin_login() {
    let (service, owner) = TestService::start_with_owner().await;
    let login = service.log_in(&owner.email, PASSWORD).await;
    assert_snapshot!(login.snapshot(), @r#"
    200
    {
      "access_token": "<token>",
      "admin_id": "<id>",
      "expires_in": 1800,
      "organization_id": "<id>",
      "refresh_expires_in": "<seconds>",
      "refresh_token": "<token>",
      "role": "owner",
      "token_type": "bearer"
    }
    "#);
}

#[tokio::test]
async fn post_admin_refresh() {
    let (service, owner) = TestService::start_with_owner().await;
    let refreshed = service.refresh(&owner.tokens.refresh).await;
    assert_snapshot!(refreshed.snapshot(), @r#"
    200
    {
      "access_token": "<token>",
      "admin_id": "<id>",
      "expires_in": 1800,
      "organization_id": "<id>",
      "refresh_expires_in": "<seconds>",
      "refresh_token": "<token>",
      "role": "owner",
      "token_type": "bearer"
    }
    "#);
}

#[tokio::test]
async fn post_admin_logout() {
    let (service, owner) = TestService::start_with_owner().await;
    let logout = owner
        .call(&service, "POST", "/admin/logout", &Value::Null)
        .await;
    assert_snapshot!(logout.snapshot(), @r#"
    204
    "#);
}

#[tokio::test]
async fn get_admin() {
    let (service, owner) = TestService::start_with_owner().await;
    let admin = owner.call(&service, "GET", "/admin", &Value::Null).await;
    assert_snapshot!(admin.snapshot(), @r#"
    200
    {
      "admin_id": "<id>",
      "email": "acme@example.com",
      "email_verified": false,
      "locale": null,
      "name": null,
      "organization_id": "<id>",
      "organizations": [
        {
          "open": true,
          "organization_id": "<id>",
          "organization_name": "Acme",
          "role": "owner"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn patch_admin() {
    let (service, owner) = TestService::start_with_owner().await;
    let change = json!({"name": " Akshay  Kumar ", "locale": "PT-br"});
    let changed = owner.call(&service, "PATCH", "/admin", &change).await;
    assert_snapshot!(changed.snapshot(), @r#"
    200
    {
      "admin_id": "<id>",
      "email": "acme@example.com",
      "email_verified": false,
      "locale": "pt-BR",
      "name": "Akshay Kumar",
      "organization_id": "<id>",
      "organizations": [
        {
          "open": true,
          "organization_id": "<id>",
          "organization_name": "Acme",
          "role": "owner"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn get_admin_sessions() {
    let (service, owner) = TestService::start_with_owner().await;
    let page = owner
        .call(&service, "GET", "/admin/sessions", &Value::Null)
        .await;
    assert_snapshot!(page.snapshot(), @r#"
    200
    {
      "next_cursor": null,
      "sessions": [
        {
          "address": "127.0.0.1",
          "created_at": "<time>",
          "current": true,
          "expires_at": "<time>",
          "id": "<id>",
          "organization_id": "<id>",
          "refreshed_at": "<time>",
          "user_agent": null
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn delete_admin_sessions_with_an_unknown_id() {
    let (service, owner) = TestService::start_with_owner().await;
    let path = "/admin/sessions/6744a1f0c3b2a1908f7e6d5e";
    let refused = owner.call(&service, "DELETE", path, &Value::Null).await;
    assert_snapshot!(refused.snapshot(), @r#"
    404
    {
      "code": "session_not_found",
      "detail": "The admin has no live session with this id.",
      "request_id": "<request id>",
      "status": 404,
      "title": "The session does not exist",
      "type": "urn:problem-type:org-management:session_not_found"
    }
    "#);
}

#[tokio::test]
async fn get_org() {
    let (service, owner) = TestService::start_with_owner().await;
    assert_snapshot!(owner.show(&service).await.snapshot(), @r#"
    200
    {
      "collection_name": "org_acme",
      "created_at": "<time>",
      "id": "<id>",
      "organization_name": "Acme",
      "updated_at": "<time>"
    }
    "#);
}

#[tokio::test]
async fn patch_org() {
    let (service, owner) = TestService::start_with_owner().await;
    let renamed = owner.rename(&service, "Acme Ltd").await;
    assert_snapshot!(renamed.snapshot(), @r#"
    200
    {
      "collection_name": "org_acme",
      "created_at": "<time>",
      "id": "<id>",
      "organization_name": "Acme Ltd",
      "updated_at": "<time>"
    }
    "#);
}

#[tokio::test]
async fn patch_org_to_the_name_of_another_organization() {
    let (service, owner) = TestService::start_with_owner().await;
    service.owner("Other").await;
    let refused = owner.rename(&service, "Other").await;
    assert_snapshot!(refused.snapshot(), @r#"
    409
    {
      "code": "organization_name_taken",
      "detail": "An organization with this name exists already.",
      "request_id": "<request id>",
      "status": 409,
      "title": "The organization's name is taken",
      "type": "urn:problem-type:org-management:organization_name_taken"
    }
    "#);
}

#[tokio::test]
async fn get_org_audit() {
    let (service, owner) = TestService::start_with_owner().await;
    owner.rename(&service, "Acme Ltd").await;
    let page = owner
        .call(&service, "GET", "/org/audit?limit=2", &Value::Null)
        .await;
    assert_snapshot!(page.snapshot(), @r#"
    200
    {
      "events": [
        {
          "action": "organization_renamed",
          "address": "127.0.0.1",
          "admin_id": "<id>",
          "at": "<time>",
          "details": {
            "from": "Acme",
            "to": "Acme Ltd"
          },
          "id": "<id>",
          "session_id": "<id>",
          "sessions_ended": null
        },
        {
          "action": "login",
          "address": "127.0.0.1",
          "admin_id": "<id>",
          "at": "<time>",
          "id": "<id>",
          "session_id": "<id>",
          "sessions_ended": null
        }
      ],
      "next_cursor": "<token>"
    }
    "#);
}

#[tokio::test]
async fn delete_org() {
    let (service, owner) = TestService::start_with_owner().await;
    let body = json!({"password": PASSWORD});
    let deleted = owner.call(&service, "DELETE", "/org", &body).await;
    assert_snapshot!(deleted.snapshot(), @r#"
    200
    {
      "id": "<id>",
      "restorable_until": "<time>"
    }
    "#);
}

#[tokio::test]
async fn get_health() {
    let service = TestService::start().await;
    assert_snapshot!(service.get("/health").await.snapshot(), @r#"
    200
    {
      "status": "ok",
      "version": "<version>"
    }
    "#);
}
