"""From a request to its answer: authenticate, count, let faults strike, ask the service."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from macie_inventory.simulator.api import ApiError, Call, Reply, Result, UnreachableError
from macie_inventory.simulator.credentials import Credentials, Vault
from macie_inventory.simulator.delivery import BROKEN_ON_THE_WIRE, broken, canned, cut, whole
from macie_inventory.simulator.faults import HARMLESS, THROTTLES, Fault, FaultKind, FaultPlan
from macie_inventory.simulator.injector import Injector
from macie_inventory.simulator.ledger import CallKey, Ending, Ledger
from macie_inventory.simulator.protocols import PROTOCOLS, Request, protocol_of
from macie_inventory.simulator.protocols import Protocol as WireProtocol
from macie_inventory.simulator.services.macie2 import Macie2
from macie_inventory.simulator.services.organizations import Organizations
from macie_inventory.simulator.services.regions import Regions
from macie_inventory.simulator.services.sts import Sts, account_of_role
from macie_inventory.simulator.signature import (
    Authorization,
    Flaw,
    NotAuthenticError,
    Signed,
    authenticate,
    parse_authorization,
)
from macie_inventory.simulator.tokens import Tokens, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from macie_inventory.simulator.world import World


class Service(Protocol):
    """What every service offers."""

    def handle(self, call: Call, fault: Fault | None) -> Result:
        """Answer a call; ApiError when it is refused, UnreachableError when there is no such endpoint."""
        ...


class Dispatch:
    """Handles the requests to one world. `clock` gives seconds since 1970."""

    def __init__(self, world: World, plan: FaultPlan, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self.ledger = ledger
        self.vault = Vault(world.caller_account_id, world.caller_arn)
        self.closing = asyncio.Event()
        self._clock = clock
        self._tokens = Tokens(self.vault.base.secret_key.encode())
        prefix = str(uuid.uuid4())[:24]
        self._ids = (f"{prefix}{number:012x}" for number in itertools.count(1))
        self.load(world, plan)

    def load(self, world: World, plan: FaultPlan) -> None:
        """Serve this world with this plan from now on; what was minted stays valid, what struck is forgotten."""
        regions = Regions(world, self._tokens)
        services: dict[str, Service] = {
            "account": regions,
            "ec2": regions,
            "macie2": Macie2(world, self._tokens),
            "organizations": Organizations(world, self._tokens),
            "sts": Sts(world, self.vault, self._clock),
        }
        self._world, self._services, self._injector = world, services, Injector(plan)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer an HTTP request."""
        body = await request.read()
        path, _, query = request.raw_path.partition("?")
        target = request.headers.get("X-Amz-Target")
        http = Request(method=request.method, path=path, query=query, target=target, body=body)
        request_id = next(self._ids)
        protocol, key, admitted = self._admit(http, request)
        with self.ledger.call(key):
            if isinstance(admitted, ApiError):
                self.ledger.ended(key, Ending.REFUSED, code=admitted.code)
                return whole(protocol.failure(admitted, request_id))
            self.ledger.signed(key, admitted.signer.access_key, admitted.signer.account_id)
            fault = self._injector.decide(admitted)
            exchange = _Exchange(request, request_id, protocol, admitted, key, fault)
            return (await self._strike(exchange, fault) if fault else None) or await self._serve(exchange)

    def _admit(self, http: Request, request: web.BaseRequest) -> tuple[WireProtocol, CallKey, Call | ApiError]:
        """Return the protocol and the counted name of a request, and the call or why there is none."""
        protocol, operation, region = protocol_of(http), "", ""
        signer: Credentials | None = None
        refusal: ApiError
        try:
            authorization = parse_authorization(request.headers.get("Authorization"))
            protocol, region = PROTOCOLS.get(authorization.service, protocol), authorization.region
            operation, params = protocol.parse(http)
            signer = self._signer(http, request, authorization, protocol)
            call = _call(protocol, operation, params, signer, region)
        except NotAuthenticError as error:
            operation = operation or _named(protocol, http)
            refusal = protocol.not_authentic(error.flaw, error.detail)
        except ApiError as error:
            refusal = error
        else:
            return protocol, _key(protocol.name, operation, call.account_id, region), call
        return protocol, _key(protocol.name, operation, signer.account_id if signer else "", region), refusal

    def _signer(
        self, http: Request, request: web.BaseRequest, authorization: Authorization, protocol: WireProtocol
    ) -> Credentials:
        """Return whose request it is; NotAuthenticError if nobody's, or in a region that is off for the account."""
        signed = Signed(method=http.method, path=http.path, query=http.query, headers=request.headers, body=http.body)
        signer = authenticate(signed, authorization, self.vault, self._clock())
        if authorization.service != protocol.name or not self._world.is_on(signer.account_id, authorization.region):
            raise NotAuthenticError(Flaw.UNKNOWN_KEY)
        return signer

    async def _strike(self, exchange: _Exchange, fault: Fault) -> web.StreamResponse | None:
        """Do what a fault does before the service is asked; None when the service is to be asked."""
        if fault.kind is FaultKind.DELAY:
            await self._pause(fault.seconds)
            return None
        if fault.kind in HARMLESS or fault.kind in BROKEN_ON_THE_WIRE:
            return None
        ending = Ending.THROTTLED if fault.kind in THROTTLES else Ending.FAULTED
        if fault.kind in {FaultKind.HANG, FaultKind.RESET}:
            self.ledger.ended(exchange.key, ending, fault=fault.kind)
            if fault.kind is FaultKind.HANG:
                await self._pause(fault.seconds)
            return cut(exchange.request, reset=True)
        reply, code = canned(fault.kind), None
        if reply is None:
            error = self._error(exchange.protocol, exchange.call, fault)
            code, reply = error.code, exchange.protocol.failure(error, exchange.request_id)
        self.ledger.ended(exchange.key, ending, code=code, fault=fault.kind)
        return whole(_later(reply, fault.retry_after))

    def _error(self, protocol: WireProtocol, call: Call, fault: Fault) -> ApiError:
        """Return the error of a fault, in the words of the service unless the fault has its own."""
        status, code, message = protocol.internal
        if fault.kind is FaultKind.THROTTLE:
            status, code, message = protocol.throttle
        elif fault.kind is FaultKind.EXPIRED:
            call.signer.expires_at = self._clock()
            status, code, message = protocol.flaws[Flaw.EXPIRED]
        elif fault.kind is FaultKind.INVALIDATED:
            status, code = 400, "InvalidInputException" if protocol.name == "organizations" else "ValidationException"
            message = "The request failed because the pagination token isn't valid any more."
        return ApiError(fault.status or status, fault.code or code, fault.message or message)

    async def _serve(self, exchange: _Exchange) -> web.StreamResponse:
        """Ask the service and send its answer, broken where a fault wants it."""
        call, key, fault = exchange.call, exchange.key, exchange.fault
        name = fault.kind if fault else None
        try:
            result = self._services[call.service].handle(call, fault)
        except ApiError as error:
            self.ledger.ended(key, Ending.REFUSED, code=error.code, fault=name)
            return whole(exchange.protocol.failure(error, exchange.request_id))
        except UnreachableError:
            self.ledger.ended(key, Ending.REFUSED, fault=name)
            return cut(exchange.request, reset=True)
        reply = exchange.protocol.success(call.operation, result, exchange.request_id)
        if fault and fault.kind in BROKEN_ON_THE_WIRE:
            self.ledger.ended(key, Ending.FAULTED, fault=name)
            return await broken(exchange.request, reply, fault.kind)
        self.ledger.ended(key, _good(fault), fault=name)
        return whole(reply)

    async def _pause(self, seconds: float | None) -> None:
        """Wait; for ever when None, but never longer than the server is open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request with all that is known of it."""

    request: web.BaseRequest
    request_id: str
    protocol: WireProtocol
    call: Call
    key: CallKey
    fault: Fault | None


def _call(
    protocol: WireProtocol, operation: str, params: Mapping[str, object], signer: Credentials, region: str
) -> Call:
    about = account_of_role(params.get("RoleArn")) if operation == "AssumeRole" else None
    return Call(
        service=protocol.name,
        operation=operation,
        params=params,
        signer=signer,
        account_id=about or signer.account_id,
        region=region,
        page=page_of(params.get("nextToken", params.get("NextToken"))),
    )


def _named(protocol: WireProtocol, http: Request) -> str:
    """Return the operation that a request names, "" when it names none."""
    try:
        return protocol.parse(http)[0]
    except ApiError:
        return ""


def _key(service: str, operation: str, account_id: str, region: str) -> CallKey:
    return CallKey(service=service, operation=operation, account_id=account_id, region=region)


def _good(fault: Fault | None) -> Ending:
    if fault is None:
        return Ending.ANSWERED
    return Ending.DELAYED if fault.kind is FaultKind.DELAY else Ending.TWISTED


def _later(reply: Reply, retry_after: float | None) -> Reply:
    if retry_after is None:
        return reply
    headers = {**reply.headers, "Retry-After": f"{retry_after:g}"}
    return Reply(status=reply.status, content_type=reply.content_type, headers=headers, body=reply.body)
