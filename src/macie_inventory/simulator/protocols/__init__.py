"""The wire protocols of AWS: how a request names its operation, and how results and errors are written."""

from __future__ import annotations

from macie_inventory.simulator.protocols.json11 import Json11
from macie_inventory.simulator.protocols.protocol import Protocol, Request
from macie_inventory.simulator.protocols.query import Query, QueryEc2
from macie_inventory.simulator.protocols.rest_json import RestJson

__all__ = ["PROTOCOLS", "Json11", "Protocol", "Query", "QueryEc2", "Request", "RestJson", "protocol_of"]

PROTOCOLS: dict[str, Protocol] = {
    "account": RestJson("account", {("POST", "/listRegions"): "ListRegions"}),
    "ec2": QueryEc2("ec2"),
    "macie2": RestJson(
        "macie2",
        {
            ("POST", "/jobs/list"): "ListClassificationJobs",
            ("GET", "/macie"): "GetMacieSession",
            ("GET", "/jobs/{jobId}"): "DescribeClassificationJob",
        },
    ),
    "organizations": Json11("organizations", "AWSOrganizationsV20161128"),
    "sts": Query("sts"),
}
"""The protocol of each service, by the name in the credential scope."""


def protocol_of(request: Request) -> Protocol:
    """Guess the protocol of a request that does not say for which service it is signed."""
    if request.target:
        return PROTOCOLS["organizations"]
    if request.path == "/":
        return PROTOCOLS["ec2" if b"2016-11-15" in request.body else "sts"]
    return PROTOCOLS["account" if request.path == "/listRegions" else "macie2"]
