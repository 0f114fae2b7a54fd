//! Tenant isolation: every secured operation of the OpenAPI document is called with the tokens of another tenant.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};

use crate::access_tokens::{claims_of, expired, foreign};
use testkit::{Response, TestService, WITH_MAIL, all};

/// Routes that require no token.
const PUBLIC: &[&str] = &[
    "GET /health",
    "POST /admin/email/undo",
    "POST /admin/email/verify",
    "POST /admin/login",
    "POST /admin/password/forgot",
    "POST /admin/password/reset",
    "POST /admin/refresh",
    "POST /org/create",
    "POST /org/restore",
];

struct Operation {
    method: String,
    path: String,
    /// The documented example, or null without a body.
    body: Value,
}

/// The operations that require a token according to the OpenAPI document.
async fn secured_operations(service: &TestService) -> Vec<Operation> {
    let document = service.get("/openapi.json").await.body;
    let mut secured = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let route = format!("{} {path}", method.to_uppercase());
            let bearer = operation["security"]
                .as_array()
                .is_some_and(|all| all.iter().any(|scheme| scheme.get("bearer").is_some()));
            let is_public = PUBLIC.contains(&route.as_str());
            let message =
                "it needs security(bearer) in its utoipa::path, or a place in PUBLIC, not both";
            assert_ne!(bearer, is_public, "{route}: {message}");
            if bearer {
                secured.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    body: example_body(&document, operation),
                });
            }
        }
    }
    assert!(
        secured.len() >= 6,
        "only {} operations are secured",
        secured.len()
    );
    secured
}

/// The documented example of an operation's body, or null without a body.
pub fn example_body(document: &Value, operation: &Value) -> Value {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(reference) = schema["$ref"].as_str() else {
        return Value::Null;
    };
    let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let example = |(name, property): (&String, &Value)| {
        let example = property["example"].clone();
        assert!(
            !example.is_null(),
            "{reference} has no example for {name} in the OpenAPI document"
        );
        (name.clone(), example)
    };
    Value::Object(properties.iter().map(example).collect::<Map<_, _>>())
}

/// An organization and its stored data.
pub struct Tenant {
    id: ObjectId,
    name: String,
    pub email: String,
    pub token: String,
    pub collection: String,
}

impl Tenant {
    pub async fn create(service: &TestService, number: usize) -> Self {
        let name = format!("Tenant Number {number}");
        let email = format!("tenant{number}@example.com");
        let created = service.create(&name, &email).await;
        assert_eq!(created.status, 201, "{created:?}");
        let collection = created.body["collection_name"].as_str().unwrap().to_owned();
        let secret = doc! { "invoice": format!("of {name}") };
        let documents = service.tenants().collection(&collection);
        documents.insert_one(secret).await.unwrap();
        Self {
            id: ObjectId::parse_str(created.body["id"].as_str().unwrap()).unwrap(),
            token: service.token_of(&email).await,
            name,
            email,
            collection,
        }
    }

    async fn stored(&self, service: &TestService) -> Vec<Document> {
        let mut stored = Vec::new();
        for collection in [
            service.organizations(),
            service.admins(),
            service.memberships(),
            service.sessions(),
            service.audit_events(),
        ] {
            for document in all(collection).await {
                let own = |key: &str| document.get_object_id(key).ok() == Some(self.id);
                let concerned = document.get_array("organization_ids");
                let concerns = concerned.is_ok_and(|ids| ids.contains(&self.id.into()));
                let is_owner = document
                    .get_str("email")
                    .is_ok_and(|email| email == self.email);
                if own("_id") || own("organization_id") || concerns || is_owner {
                    stored.push(document);
                }
            }
        }
        stored.extend(all(service.tenants().collection(&self.collection)).await);
        assert!(stored.len() >= 7);
        stored
    }

    #[track_caller]
    fn assert_absent_from(&self, response: &Response) {
        let text = response.body.to_string();
        for own in [&self.id.to_hex(), &self.name, &self.email, &self.collection] {
            assert!(
                !text.contains(own.as_str()),
                "the response reveals {own}: {text}"
            );
        }
    }
}

/// The identifiers of an organization, its admin and its collection.
struct Names {
    organization: String,
    admin: String,
    collection: String,
}

impl Names {
    async fn of(service: &TestService, tenant: &Tenant) -> Self {
        let of_tenant = doc! { "organization_id": tenant.id };
        let membership = service.memberships().find_one(of_tenant).await;
        let membership = membership.unwrap().unwrap();
        Self {
            organization: tenant.id.to_hex(),
            admin: membership.get_object_id("account_id").unwrap().to_hex(),
            collection: tenant.collection.clone(),
        }
    }

    /// Identifiers that do not exist, as long as those of `names`.
    fn nonexistent(names: &Self) -> Self {
        Self {
            organization: ObjectId::new().to_hex(),
            admin: ObjectId::new().to_hex(),
            collection: "org_".to_owned() + &"x".repeat(names.collection.len() - 4),
        }
    }

    fn queries(&self) -> [String; 3] {
        let Self {
            organization,
            admin,
            ..
        } = self;
        [
            String::new(),
            format!("?organization_id={organization}"),
            format!("?org={organization}&id={organization}&admin_id={admin}"),
        ]
    }

    /// `body` and its variants with one additional field.
    fn bodies(&self, body: &Value) -> Vec<Value> {
        let mut bodies = vec![body.clone()];
        let Value::Object(fields) = body else {
            return bodies;
        };
        for (field, value) in [
            ("id", &self.organization),
            ("organization_id", &self.organization),
            ("org", &self.organization),
            ("admin_id", &self.admin),
            ("collection_name", &self.collection),
        ] {
            let mut fields = fields.clone();
            fields.insert(field.to_owned(), json!(value));
            bodies.push(Value::Object(fields));
        }
        bodies
    }

    /// Replaces a path parameter with the organization's id.
    fn path(&self, path: &str) -> String {
        let part = |part: &str| match part.starts_with('{') {
            true => self.organization.clone(),
            false => part.to_owned(),
        };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// Attacking tenants. A new one replaces an attacker whose token or organization is no longer valid.
struct Attackers<'a> {
    service: &'a TestService,
    number: usize,
    current: Option<Tenant>,
}

impl Attackers<'_> {
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        names: &Names,
    ) -> (Response, Value) {
        self.number += 1;
        let attacker = match self.current.take() {
            Some(attacker) => attacker,
            None => Tenant::create(self.service, self.number).await,
        };
        let mut body = body.clone();
        if let Some(name) = body.get_mut("organization_name") {
            *name = format!("Renamed {:05}", self.number).into();
        }
        if let Some(email) = body.get_mut("email") {
            *email = format!("new{:05}@example.com", self.number).into();
        }
        let request = self.service.request(method, path);
        let request = request
            .header("authorization", format!("Bearer {}", attacker.token))
            .header("x-organization-id", &names.organization)
            .header("x-admin-id", &names.admin);
        let response = self.service.send(match &body {
            Value::Null => request,
            body => request.json(body),
        });
        let response = response.await;
        let route = format!("{method} {path} {body}: {response:?}");
        assert_ne!(
            response.body["code"], "invalid_token",
            "the attacker's token is revoked: {route}"
        );
        if method == "GET" || !response.status.is_success() {
            self.current = Some(attacker);
        }
        let comparable = comparable(&response);
        (response, comparable)
    }
}

/// Status and body of a response, without the fields that differ between any two responses.
fn comparable(response: &Response) -> Value {
    let Value::Object(fields) = &response.body else {
        return json!([response.status.as_u16(), response.body]);
    };
    let mut fields = fields.clone();
    fields.remove("request_id");
    match response.status.is_success() {
        true => json!([response.status.as_u16(), fields.keys().collect::<Vec<_>>()]),
        false => json!([response.status.as_u16(), fields]),
    }
}

#[tokio::test]
async fn z1_no_secured_route_shows_or_changes_another_organization() {
    let service = TestService::start_with(WITH_MAIL).await;
    let victim = Tenant::create(&service, 0).await;
    let names = Names::of(&service, &victim).await;
    let absent_names = Names::nonexistent(&names);
    let before = victim.stored(&service).await;
    let mut attackers = Attackers {
        service: &service,
        number: 0,
        current: None,
    };
    for Operation { method, path, body } in secured_operations(&service).await {
        let mut successes = 0;
        for (query, absent_query) in names.queries().iter().zip(absent_names.queries()) {
            let bodies = names
                .bodies(&body)
                .into_iter()
                .zip(absent_names.bodies(&body));
            for (body, absent_body) in bodies {
                let tried = names.path(&path) + query;
                let (response, said) = attackers.send(&method, &tried, &body, &names).await;
                victim.assert_absent_from(&response);
                let absent = absent_names.path(&path) + &absent_query;
                let absent = attackers
                    .send(&method, &absent, &absent_body, &absent_names)
                    .await;
                // The response is the same as for an organization that does not exist.
                assert_eq!(said, absent.1, "{method} {tried} {body}");
                if path.contains('{') {
                    assert_eq!(response.status, 404, "{method} {tried} {body}");
                }
                successes += usize::from(response.status.is_success());
            }
        }
        assert!(successes > 0 || path.contains('{'), "{method} {path}");
        assert_eq!(victim.stored(&service).await, before, "{method} {path}");
    }
    assert_eq!(service.show(&victim.token).await.status, 200);
}

#[tokio::test]
async fn each_secured_route_accepts_a_valid_token() {
    let service = TestService::start_with(WITH_MAIL).await;
    for (number, operation) in secured_operations(&service).await.iter().enumerate() {
        let tenant = Tenant::create(&service, number).await;
        let Operation { method, path, body } = operation;
        let session = claims_of(&tenant.token)["sid"].as_str().unwrap().to_owned();
        let path = &path.replace("{id}", &session);
        let response = service.call(method, path, &tenant.token, body).await;
        assert!(
            response.status.is_success(),
            "{method} {path}: {response:?}"
        );
    }
}

#[tokio::test]
async fn each_secured_route_refuses_a_missing_expired_or_foreign_token() {
    let service = TestService::start_with(WITH_MAIL).await;
    let tenant = Tenant::create(&service, 0).await;
    let claims = claims_of(&tenant.token);
    let before = tenant.stored(&service).await;
    for Operation { method, path, body } in secured_operations(&service).await {
        let request = service.request(&method, &path);
        let missing = service.send(match &body {
            Value::Null => request,
            body => request.json(body),
        });
        let missing = missing.await;
        missing.problem(401, "invalid_token");
        assert_eq!(
            missing.headers["www-authenticate"],
            "Bearer realm=\"org-management\""
        );
        for token in [expired(&claims), foreign(&claims), "x".to_owned()] {
            let refused = service.call(&method, &path, &token, &body).await;
            refused.problem(401, "invalid_token");
            let challenge = "Bearer realm=\"org-management\", error=\"invalid_token\"";
            assert_eq!(refused.headers["www-authenticate"], challenge);
        }
    }
    assert_eq!(tenant.stored(&service).await, before);
}
