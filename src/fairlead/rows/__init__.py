"""Generated from schema/ by `make golden`; do not edit.

What every table's rows are, and what may be given for new ones: plain frozen values that mypy knows field by field.
"""

from fairlead.rows.api_keys import ApiKey, NewApiKey
from fairlead.rows.audit_events import AuditEvent, NewAuditEvent
from fairlead.rows.buckets import Bucket, NewBucket
from fairlead.rows.credentials import Credential, NewCredential
from fairlead.rows.depth_turns import DepthTurn, NewDepthTurn
from fairlead.rows.duties import Duty, NewDuty
from fairlead.rows.idempotency_keys import IdempotencyKey, NewIdempotencyKey
from fairlead.rows.invitations import Invitation, NewInvitation
from fairlead.rows.item_counters import ItemCounter, NewItemCounter
from fairlead.rows.kept_mails import KeptMail, NewKeptMail
from fairlead.rows.ordering_turns import NewOrderingTurn, OrderingTurn
from fairlead.rows.organizations import NewOrganization, Organization
from fairlead.rows.personal_idempotency_keys import NewPersonalIdempotencyKey, PersonalIdempotencyKey
from fairlead.rows.queue_items import NewQueueItem, QueueItem
from fairlead.rows.queues import NewQueue, Queue
from fairlead.rows.roles import NewRole, Role
from fairlead.rows.schedules import NewSchedule, Schedule
from fairlead.rows.second_factors import NewSecondFactor, SecondFactor
from fairlead.rows.sessions import NewSession, Session
from fairlead.rows.slots import NewSlot, Slot
from fairlead.rows.unique_periods import NewUniquePeriod, UniquePeriod
from fairlead.rows.user_roles import NewUserRole, UserRole
from fairlead.rows.users import NewUser, User
from fairlead.rows.verifications import NewVerification, Verification
from fairlead.rows.workers import NewWorker, Worker

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Bucket",
    "Credential",
    "DepthTurn",
    "Duty",
    "IdempotencyKey",
    "Invitation",
    "ItemCounter",
    "KeptMail",
    "NewApiKey",
    "NewAuditEvent",
    "NewBucket",
    "NewCredential",
    "NewDepthTurn",
    "NewDuty",
    "NewIdempotencyKey",
    "NewInvitation",
    "NewItemCounter",
    "NewKeptMail",
    "NewOrderingTurn",
    "NewOrganization",
    "NewPersonalIdempotencyKey",
    "NewQueue",
    "NewQueueItem",
    "NewRole",
    "NewSchedule",
    "NewSecondFactor",
    "NewSession",
    "NewSlot",
    "NewUniquePeriod",
    "NewUser",
    "NewUserRole",
    "NewVerification",
    "NewWorker",
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
]
