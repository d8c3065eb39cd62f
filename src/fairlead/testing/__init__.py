"""For the tests of whoever uses Fairlead: factories, and handlers run in the test itself.

The fixtures are in `fairlead.testing.fixtures`, the one module here that needs pytest.
"""

from fairlead.testing.factories import (
    SECRET,
    MadeKey,
    Tenant,
    make_api_key,
    make_items,
    make_organization,
    make_queue,
    make_role,
    make_schedule,
    make_tenant,
    make_user,
)
from fairlead.worker.work_off import work_off

__all__ = [
    "SECRET",
    "MadeKey",
    "Tenant",
    "make_api_key",
    "make_items",
    "make_organization",
    "make_queue",
    "make_role",
    "make_schedule",
    "make_tenant",
    "make_user",
    "work_off",
]
