"""The declared schema, one file a table; this is the only list of them."""

from fairlead.schema.api_keys import ApiKey
from fairlead.schema.audit_events import AuditEvent
from fairlead.schema.base import Base
from fairlead.schema.buckets import Bucket
from fairlead.schema.credentials import Credential
from fairlead.schema.depth_turns import DepthTurn
from fairlead.schema.duties import Duty
from fairlead.schema.idempotency_keys import IdempotencyKey
from fairlead.schema.invitations import Invitation
from fairlead.schema.item_counters import ItemCounter
from fairlead.schema.kept_mails import KeptMail
from fairlead.schema.ordering_turns import OrderingTurn
from fairlead.schema.organizations import Organization
from fairlead.schema.personal_idempotency_keys import PersonalIdempotencyKey
from fairlead.schema.queue_items import QueueItem
from fairlead.schema.queues import Queue
from fairlead.schema.roles import Role
from fairlead.schema.schedules import Schedule
from fairlead.schema.second_factors import SecondFactor
from fairlead.schema.sessions import Session
from fairlead.schema.slots import Slot
from fairlead.schema.unique_periods import UniquePeriod
from fairlead.schema.user_roles import UserRole
from fairlead.schema.users import User
from fairlead.schema.verifications import Verification
from fairlead.schema.workers import Worker

metadata = Base.metadata
metadata.tables["queue_items"].add_is_dependent_on(metadata.tables["queues"])  # its live leaf has the foreign key

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Base",
    "Bucket",
    "Credential",
    "DepthTurn",
    "Duty",
    "IdempotencyKey",
    "Invitation",
    "ItemCounter",
    "KeptMail",
    "OrderingTurn",
    "Organization",
    "PersonalIdempotencyKey",
    "Queue",
    "QueueItem",
    "Role",
    "Schedule",
    "SecondFactor",
    "Session",
    "Slot",
    "UniquePeriod",
    "User",
    "UserRole",
    "Verification",
    "Worker",
    "metadata",
]
