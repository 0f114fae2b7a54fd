//! Reads accounts, memberships and organizations.

use std::collections::HashMap;

use mongodb::ClientSession;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use serde::Deserialize;

use super::Databases;
use crate::model::{
    Account, AccountId, Membership, MembershipId, Organization, OrganizationId, Principal,
};
use crate::mongo::collect_readable;
use crate::values::EmailAddress;

/// At most this many organizations of an account are read.
const MAX_MEMBERSHIPS: i64 = 50;

impl Databases {
    pub(crate) async fn find_organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<Organization>, Error> {
        self.organizations.find_one(doc! { "_id": id }).await
    }

    /// Whether another account has the address, as its current or as a reserved one.
    pub(crate) async fn is_address_of_other(
        &self,
        email: &EmailAddress,
        own: AccountId,
    ) -> Result<bool, Error> {
        let others = doc! { "addresses": email.key(), "_id": { "$ne": own } };
        Ok(self.accounts.find_one(others).await?.is_some())
    }

    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        self.accounts.find_one(doc! { "_id": id }).await
    }

    /// MongoDB's estimate of the number of organizations.
    pub(crate) async fn estimate_organizations(&self) -> Result<u64, Error> {
        self.organizations.estimated_document_count().await
    }

    /// The account whose current address this is.
    pub(crate) async fn find_account(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<Account>, Error> {
        // A reserved address is not the first one.
        let current = doc! { "addresses": email.key(), "addresses.0": email.key() };
        self.accounts.find_one(current).await
    }

    /// The account as a member of the organization. None if account, membership or organization does not exist.
    pub(crate) async fn find_principal(
        &self,
        account: AccountId,
        organization: OrganizationId,
    ) -> Result<Option<Principal>, Error> {
        let membership = membership_of(account, organization);
        let account = self.accounts.find_one(doc! { "_id": account });
        let (account, membership, organization) = tokio::try_join!(
            account.into_future(),
            self.memberships.find_one(membership).into_future(),
            self.find_organization(organization),
        )?;
        let (Some(account), Some(membership), Some(organization)) =
            (account, membership, organization)
        else {
            return Ok(None);
        };
        Ok(Some(Principal {
            account,
            membership,
            organization,
        }))
    }

    /// The account as a member of each of its organizations, the earliest membership first.
    pub(crate) async fn principals_of(&self, account: &Account) -> Result<Vec<Principal>, Error> {
        let own = self.memberships.find(doc! { "account_id": account.id });
        let mut memberships = collect_readable(own.limit(MAX_MEMBERSHIPS).await?).await?;
        memberships.sort_by_key(|membership| membership.id);
        let ids = memberships.iter().map(|own| own.organization_id);
        let ids: Vec<_> = ids.collect();
        let found = self.organizations.find(doc! { "_id": { "$in": ids } });
        let found = collect_readable(found.await?).await?.into_iter();
        let mut found: HashMap<_, _> = found.map(|found| (found.id, found)).collect();
        let mut principals = Vec::new();
        for membership in memberships {
            let Some(organization) = found.remove(&membership.organization_id) else {
                tracing::error!(
                    membership_id = %membership.id,
                    organization_id = %membership.organization_id,
                    "a membership names an organization that does not exist, or cannot be read"
                );
                continue;
            };
            principals.push(Principal {
                account: account.clone(),
                membership,
                organization,
            });
        }
        Ok(principals)
    }

    pub(crate) async fn has_membership(&self, id: MembershipId) -> Result<bool, Error> {
        let memberships = self.memberships.clone_with_type::<Document>();
        let found = memberships.find_one(doc! { "_id": id }).await?;
        Ok(found.is_some())
    }

    /// The organization and the account's membership in it, as the transaction sees them.
    pub(crate) async fn read_membership(
        &self,
        account: AccountId,
        organization: OrganizationId,
        transaction: &mut ClientSession,
    ) -> Result<Option<(Membership, Organization)>, Error> {
        let membership = membership_of(account, organization);
        let membership = self.memberships.find_one(membership);
        let membership = membership.session(&mut *transaction).await?;
        let organization = self.organizations.find_one(doc! { "_id": organization });
        Ok(membership.zip(organization.session(transaction).await?))
    }

    /// Like [`Self::find_principal`], as the transaction sees it.
    pub(crate) async fn read_principal(
        &self,
        account: AccountId,
        organization: OrganizationId,
        transaction: &mut ClientSession,
    ) -> Result<Option<Principal>, Error> {
        let reading = self.accounts.find_one(doc! { "_id": account });
        let read = reading.session(&mut *transaction).await?;
        let place = self.read_membership(account, organization, transaction);
        let Some((account, (membership, organization))) = read.zip(place.await?) else {
            return Ok(None);
        };
        Ok(Some(Principal {
            account,
            membership,
            organization,
        }))
    }

    /// The organizations that the account has a membership in, as the transaction sees them.
    pub(crate) async fn organizations_of(
        &self,
        account: AccountId,
        transaction: &mut ClientSession,
    ) -> Result<Vec<OrganizationId>, Error> {
        #[derive(Deserialize)]
        struct Own {
            organization_id: OrganizationId,
        }
        let memberships = self.memberships.clone_with_type::<Own>();
        let mut found = memberships
            .find(doc! { "account_id": account })
            .limit(MAX_MEMBERSHIPS)
            .projection(doc! { "organization_id": 1 })
            .session(&mut *transaction)
            .await?;
        let mut organizations = Vec::new();
        while let Some(own) = found.next(transaction).await.transpose()? {
            organizations.push(own.organization_id);
        }
        Ok(organizations)
    }
}

fn membership_of(account: AccountId, organization: OrganizationId) -> Document {
    doc! { "organization_id": organization, "account_id": account }
}
