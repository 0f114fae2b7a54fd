//! The texts of mails: one template for each kind of mail and language.
//!
//! A template is text. Its first line is the subject, an empty line follows, and paragraphs are separated by empty lines. The
//! HTML part is made of the same paragraphs, by `layout.html`, so that both parts say the same.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::{Environment, context};
use serde_json::Value;
use shared::clock::date_time;
use shared::model::MailContent;
use shared::outbox::OutgoingMail;

const BUILT_IN: [(&str, &str); 11] = [
    ("layout.html", include_str!("../templates/layout.html")),
    (
        "en/password_reset.txt",
        include_str!("../templates/en/password_reset.txt"),
    ),
    (
        "en/password_changed.txt",
        include_str!("../templates/en/password_changed.txt"),
    ),
    (
        "en/organization_deleted.txt",
        include_str!("../templates/en/organization_deleted.txt"),
    ),
    (
        "de/password_reset.txt",
        include_str!("../templates/de/password_reset.txt"),
    ),
    (
        "de/password_changed.txt",
        include_str!("../templates/de/password_changed.txt"),
    ),
    (
        "de/organization_deleted.txt",
        include_str!("../templates/de/organization_deleted.txt"),
    ),
    (
        "de/email_verification.txt",
        include_str!("../templates/de/email_verification.txt"),
    ),
    (
        "de/email_changed.txt",
        include_str!("../templates/de/email_changed.txt"),
    ),
    (
        "en/email_verification.txt",
        include_str!("../templates/en/email_verification.txt"),
    ),
    (
        "en/email_changed.txt",
        include_str!("../templates/en/email_changed.txt"),
    ),
];
/// The language of a recipient without a locale, or with one that has no templates.
const DEFAULT_LANGUAGE: &str = "en";
const LAYOUT: &str = "layout.html";

pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeSet<String>,
    service_name: String,
}

/// A rendered mail.
#[derive(Debug)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("MAIL_TEMPLATES cannot be read: {0}")]
    Folder(#[from] io::Error),
    #[error("the mail template {name} is invalid: {error}")]
    Invalid {
        name: String,
        error: minijinja::Error,
    },
    #[error("the mail template {0} must begin with a subject and an empty line")]
    NoSubject(String),
    #[error(transparent)]
    Render(#[from] minijinja::Error),
}

impl Templates {
    /// The built-in templates, with those of `folder` instead of and beside them.
    pub fn load(folder: Option<&Path>, service_name: &str) -> Result<Self, TemplateError> {
        let mut templates = Self {
            environment: Environment::new(),
            languages: BTreeSet::new(),
            service_name: without_links(service_name),
        };
        templates
            .environment
            .set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        for (name, source) in BUILT_IN {
            templates.add(name, source.to_owned())?;
        }
        for (name, path) in folder.map(files_in).transpose()?.unwrap_or_default() {
            templates.add(&name, fs::read_to_string(path)?)?;
        }
        Ok(templates)
    }

    fn add(&mut self, name: &str, source: String) -> Result<(), TemplateError> {
        let is_mail = name.ends_with(".txt");
        if is_mail && split_subject(&source).is_none() {
            return Err(TemplateError::NoSubject(name.to_owned()));
        }
        if let Some((language, _)) = name.split_once('/').filter(|_| is_mail) {
            self.languages.insert(language.to_owned());
        }
        let added = self.environment.add_template_owned(name.to_owned(), source);
        added.map_err(|error| TemplateError::Invalid {
            name: name.to_owned(),
            error,
        })
    }

    pub fn render(&self, mail: &OutgoingMail) -> Result<Rendered, TemplateError> {
        let language = self.language(mail.locale.as_deref());
        let name = format!("{language}/{}.txt", mail.content.template());
        let template = self.environment.get_template(&name).or_else(|_| {
            let name = format!("{DEFAULT_LANGUAGE}/{}.txt", mail.content.template());
            self.environment.get_template(&name)
        })?;
        let rendered = template.render(context! {
            service_name => self.service_name,
            link => mail.link,
            ..minijinja::Value::from_serialize(values(&mail.content)),
        })?;
        let (subject, text) =
            split_subject(&rendered).ok_or_else(|| TemplateError::NoSubject(name.clone()))?;
        let paragraphs: Vec<&str> = text.split("\n\n").map(str::trim).collect();
        let html = self.environment.get_template(LAYOUT)?.render(context! {
            language, subject, paragraphs, link => mail.link, service_name => self.service_name,
        })?;
        Ok(Rendered {
            subject: subject.to_owned(),
            text: text.to_owned(),
            html,
        })
    }

    /// The language with templates that fits the locale: `de` for `de-AT`.
    fn language(&self, locale: Option<&str>) -> &str {
        let language = locale.and_then(|locale| locale.split('-').next());
        let found = language.and_then(|language| self.languages.get(language));
        found.map_or(DEFAULT_LANGUAGE, String::as_str)
    }
}

/// Files of a folder and of the folders in it, by their names as in [`BUILT_IN`].
fn files_in(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        if !path.is_dir() {
            files.push((name(&path), path));
            continue;
        }
        for inner in fs::read_dir(&path)? {
            let inner = inner?.path();
            files.push((format!("{}/{}", name(&path), name(&inner)), inner));
        }
    }
    files.retain(|(name, _)| name.ends_with(".txt") || name.ends_with(".html"));
    Ok(files)
}

/// Subject and text. None unless there are both.
fn split_subject(source: &str) -> Option<(&str, &str)> {
    let (subject, text) = source.trim().split_once("\n\n")?;
    let is_subject = !subject.contains('\n') && !subject.trim().is_empty();
    is_subject.then_some((subject.trim(), text.trim()))
}

/// What a template may name, besides `service_name` and `link`.
fn values(content: &MailContent) -> Value {
    match content {
        MailContent::PasswordReset { .. }
        | MailContent::EmailVerification { .. }
        | MailContent::EmailChanged { .. }
        | MailContent::PasswordChanged => Value::Object(serde_json::Map::new()),
        MailContent::OrganizationDeleted {
            organization_name,
            restorable_until,
        } => serde_json::json!({
            "organization_name": without_links(organization_name),
            "restorable_until": date_time(*restorable_until),
        }),
    }
}

/// Names come from users. Mail clients turn `evil.example` into a link, so each character that makes one becomes a space,
/// unless white space follows it anyway.
fn without_links(name: &str) -> String {
    let mut characters = name.chars().peekable();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        let makes_link = ".:/@".contains(character);
        let before_text = characters.peek().is_some_and(|next| !next.is_whitespace());
        plain.push(if makes_link && before_text {
            ' '
        } else {
            character
        });
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use mongodb::bson::DateTime;

    fn mail(locale: Option<&str>, content: MailContent, link: Option<&str>) -> OutgoingMail {
        OutgoingMail {
            id: [1; 12].into(),
            to: "admin@example.com".to_owned(),
            locale: locale.map(str::to_owned),
            content,
            link: link.map(str::to_owned),
        }
    }

    fn deleted(name: &str) -> MailContent {
        MailContent::OrganizationDeleted {
            organization_name: name.to_owned(),
            restorable_until: DateTime::from_millis(0),
        }
    }

    #[test]
    fn each_mail_exists_in_each_language() {
        let templates = Templates::load(None, "Acme ERP").unwrap();
        let reset = || MailContent::PasswordReset {
            token_id: [2; 12].into(),
        };
        let link = "https://app.example.com/reset-password#token=a_b-c";
        for locale in [None, Some("en"), Some("de-AT"), Some("fr")] {
            let rendered = templates
                .render(&mail(locale, reset(), Some(link)))
                .unwrap();
            assert!(
                rendered.text.lines().any(|line| line == link),
                "{rendered:?}"
            );
            assert!(
                rendered.html.contains(&format!("<a href=\"{link}\">")),
                "{rendered:?}"
            );
            assert!(rendered.text.contains("Acme ERP"), "{rendered:?}");
            for content in [MailContent::PasswordChanged, deleted("Acme")] {
                let rendered = templates.render(&mail(locale, content, None)).unwrap();
                assert!(!rendered.subject.is_empty() && !rendered.text.is_empty());
            }
            let is_german = rendered.text.contains("Passwort");
            assert_eq!(is_german, locale == Some("de-AT"));
        }
    }

    #[test]
    fn names_become_neither_markup_nor_links() {
        let templates = Templates::load(None, "S").unwrap();
        let name = "<b>\"x\"</b> evil.example/a http://evil.example me@evil.example Ltd. & Co.";
        let rendered = templates.render(&mail(None, deleted(name), None)).unwrap();
        assert!(!rendered.html.contains("<b>"), "{}", rendered.html);
        for part in [&rendered.text, &rendered.html] {
            assert!(!part.contains("evil.example"), "{part}");
            assert!(!part.contains("://evil"), "{part}");
        }
        assert!(rendered.text.contains("Ltd. & Co."), "{}", rendered.text);
    }

    #[test]
    fn a_folder_replaces_templates_and_adds_languages() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("fr")).unwrap();
        fs::write(
            folder.path().join("fr/password_changed.txt"),
            "Sujet\n\nTexte",
        )
        .unwrap();
        let templates = Templates::load(Some(folder.path()), "S").unwrap();
        let rendered = templates.render(&mail(Some("fr"), MailContent::PasswordChanged, None));
        assert_eq!(rendered.unwrap().subject, "Sujet");
        // Others are sent in English.
        let rendered = templates
            .render(&mail(Some("fr"), deleted("A"), None))
            .unwrap();
        assert!(rendered.text.contains("deleted"), "{rendered:?}");
        fs::write(folder.path().join("fr/password_changed.txt"), "No subject").unwrap();
        assert!(Templates::load(Some(folder.path()), "S").is_err());
        fs::write(
            folder.path().join("fr/password_changed.txt"),
            "A\n\n{{ open",
        )
        .unwrap();
        assert!(Templates::load(Some(folder.path()), "S").is_err());
    }
}
