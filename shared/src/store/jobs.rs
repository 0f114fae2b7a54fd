//! How far a job over all organizations has come, and the organizations that follow.

use mongodb::ClientSession;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use super::Databases;
use crate::model::{JobPosition, Organization, OrganizationId};
use crate::mongo::collect;

/// The next organization of a job. None if its document cannot be read.
pub(crate) type Following = (OrganizationId, Option<Organization>);

impl Databases {
    /// The organization after which the last run of the job ended. None if it reached the last one.
    pub(crate) async fn job_position(&self, job: &str) -> Result<Option<OrganizationId>, Error> {
        let position = self.jobs.find_one(doc! { "_id": job }).await?;
        Ok(position.map(|position| position.after))
    }

    pub(crate) async fn store_job_position(&self, position: &JobPosition) -> Result<(), Error> {
        let own = doc! { "_id": &position.job };
        let storing = self.jobs.replace_one(own, position).upsert(true);
        storing.await.map(drop)
    }

    /// The next run begins with the first organization.
    pub(crate) async fn forget_job_position(&self, job: &str) -> Result<(), Error> {
        self.jobs.delete_one(doc! { "_id": job }).await.map(drop)
    }

    /// At most `count` of the `matching` organizations in the order of their ids, open or not.
    pub(crate) async fn organizations_after(
        &self,
        after: Option<OrganizationId>,
        mut matching: Document,
        count: i64,
    ) -> Result<Vec<Following>, Error> {
        let after = after.map_or(Bson::MinKey, Bson::from);
        let organizations = self.organizations.clone_with_type::<Document>();
        matching.insert("_id", doc! { "$gt": after, "$type": "objectId" });
        let following = organizations.find(matching);
        let following = following.sort(doc! { "_id": 1 }).limit(count);
        let mut found = Vec::new();
        for document in collect(following.await?).await? {
            let Ok(id) = document.get_object_id("_id") else {
                continue;
            };
            let organization = mongodb::bson::deserialize_from_document(document).ok();
            found.push((id.into(), organization));
        }
        Ok(found)
    }

    /// The organization as the transaction sees it.
    pub(crate) async fn read_organization(
        &self,
        id: OrganizationId,
        transaction: &mut ClientSession,
    ) -> Result<Option<Organization>, Error> {
        let reading = self.organizations.find_one(doc! { "_id": id });
        reading.session(transaction).await
    }
}
