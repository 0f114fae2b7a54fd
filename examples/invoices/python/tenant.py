"""A tenant's data. No other module imports pymongo, so no other code can reach another tenant's collection."""

import os
from datetime import datetime, timezone

from bson import ObjectId
from pymongo import MongoClient, ReturnDocument, WriteConcern
from pymongo.read_concern import ReadConcern

# How long a commit may take. The function ends sooner than API Gateway's 30 seconds.
MAX_COMMIT_MS = 5_000

_client = None


def _connection_string():
    if secret := os.environ.get("MONGODB_URI_SECRET_ARN"):
        import boto3

        return boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"].strip()
    return os.environ["MONGODB_URI"]


def _connected():
    """Connects once for each environment of the function."""
    global _client
    if _client is None:
        _client = MongoClient(_connection_string(), maxPoolSize=int(os.environ.get("MAX_CONNECTIONS", 2)), serverSelectionTimeoutMS=3_000)
    return _client


def open_tenants():
    """The data of each open organization, for a job."""
    for tenant in _service()["open_tenants"].find().sort("_id"):
        yield Tenant({**tenant, "organization_id": str(tenant["_id"])})


def _service():
    """The service's database. This product's user can read the open tenants and insert events, and nothing else."""
    return _connected()[os.environ.get("MASTER_DB", "master_db")]


class Tenant:
    """The collection of one organization, as the authorizer names it."""

    def __init__(self, caller, session=None):
        self._caller = caller
        self._session = session
        self._collection = _connected()[caller["database"]][caller["collection_name"]]

    def kind(self, name):
        return Kind(self._collection, name, self._session)

    def transaction(self, run):
        """Calls `run` with this tenant in a transaction, again after a conflict, and commits all of its writes or none."""
        with _connected().start_session() as session:
            return session.with_transaction(
                lambda session: run(Tenant(self._caller, session)),
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
                max_commit_time_ms=MAX_COMMIT_MS,
            )

    def next_number(self, sequence):
        """The next number of a sequence without gaps. Call it in a transaction: an abort gives the number back."""
        if self._session is None:
            raise RuntimeError("a number without a transaction could leave a gap")
        counter = self._collection.find_one_and_update(
            {"_id": f"counter:{sequence}"},
            {"$inc": {"last": 1}, "$setOnInsert": {"_kind": "counter"}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        return counter["last"]

    def audit(self, action, details):
        """Reports an event, which `GET /org/audit` of the service shows."""
        event = {
            "organization_id": ObjectId(self._caller["organization_id"]),
            "action": action,
            "details": details,
            "at": datetime.now(timezone.utc),
        }
        if admin := self._caller.get("admin_id"):
            event["admin_id"] = ObjectId(admin)
        _service()["product_events"].insert_one(event, session=self._session)


class Kind:
    """The documents of one kind. `_kind` marks them in the database, and appears nowhere else."""

    def __init__(self, collection, name, session):
        self._collection = collection
        self._name = name
        self._session = session

    def insert(self, document):
        return self._collection.insert_one({**document, "_kind": self._name}, session=self._session).inserted_id

    def find_one(self, filter):
        return self._without_kind(self._collection.find_one(self._own(filter), session=self._session))

    def find(self, filter, sort, limit):
        found = self._collection.find(self._own(filter), session=self._session).sort(sort).limit(limit)
        return [self._without_kind(document) for document in found]

    def set(self, filter, fields):
        """Whether a document was changed."""
        updated = self._collection.update_one(self._own(filter), {"$set": fields}, session=self._session)
        return updated.matched_count == 1

    def set_all(self, filter, fields):
        """How many documents were changed."""
        updated = self._collection.update_many(self._own(filter), {"$set": fields}, session=self._session)
        return updated.modified_count

    def sum(self, filter, field):
        """The sum of a field of the documents."""
        stages = [{"$match": self._own(filter)}, {"$group": {"_id": None, "sum": {"$sum": f"${field}"}}}]
        found = list(self._collection.aggregate(stages, session=self._session))
        return found[0]["sum"] if found else 0

    def _own(self, filter):
        return {"$and": [{"_kind": self._name}, filter]}

    @staticmethod
    def _without_kind(document):
        return document and {name: value for name, value in document.items() if name != "_kind"}
