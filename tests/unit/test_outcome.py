"""What failures mean: every error code, status, message and phase that is known of the services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.model import Outcome
from macie_inventory.outcome import (
    OPT_IN_REGIONS,
    Action,
    Failure,
    Kind,
    Phase,
    Verdict,
    always_on,
    judge,
)

LIST, ASSUME = Phase.LIST, Phase.ASSUME

RETRY_THROTTLED = Verdict(Action.RETRY, Outcome.THROTTLED)
RETRY_FAILED = Verdict(Action.RETRY, Outcome.FAILED)
RENEW = Verdict(Action.RENEW, Outcome.CREDENTIALS_EXPIRED)
STOP_FAILED = Verdict(Action.STOP, Outcome.FAILED)
DENIED = Verdict(Action.STOP, Outcome.ACCESS_DENIED)
ROLE_DENIED = Verdict(Action.STOP, Outcome.ROLE_DENIED)
MACIE_OFF = Verdict(Action.STOP, Outcome.MACIE_DISABLED)
REGION_OFF = Verdict(Action.STOP, Outcome.REGION_DISABLED)

NOT_AUTHORIZED = (
    "User: arn:aws:sts::123456789012:assumed-role/R/s is not authorized to perform: macie2:ListClassificationJobs "
    "with an explicit deny in a service control policy"
)

LISTING = [
    # code, status, message, verdict
    ("ValidationException", 400, "The request is malformed.", STOP_FAILED),
    ("ServiceQuotaExceededException", 402, "The quota is exceeded.", STOP_FAILED),
    ("AccessDeniedException", 403, NOT_AUTHORIZED, DENIED),
    ("AccessDeniedException", 403, "Macie is not enabled.", MACIE_OFF),
    ("AccessDeniedException", 401, "Macie is not enabled.", MACIE_OFF),
    ("AccessDeniedException", 403, "Macie is not enabled", MACIE_OFF),
    ("AccessDeniedException", 403, "The account 123456789012 has not been onboarded", MACIE_OFF),
    ("AccessDeniedException", 403, "", DENIED),
    ("AccessDeniedException", 403, "Macie session is on holiday", DENIED),
    ("AccessDenied", 403, "Access Denied", DENIED),
    (None, 403, "<html>proxy says no</html>", DENIED),
    (None, 401, "", DENIED),
    ("ResourceNotFoundException", 404, "", STOP_FAILED),
    ("ConflictException", 409, "", STOP_FAILED),
    ("ThrottlingException", 429, "Rate exceeded", RETRY_THROTTLED),
    ("TooManyRequestsException", 429, "", RETRY_THROTTLED),
    (None, 429, "", RETRY_THROTTLED),
    ("SomethingNew", 429, "", RETRY_THROTTLED),
    ("InternalServerException", 500, "", RETRY_FAILED),
    (None, 500, "", RETRY_FAILED),
    (None, 502, "<html>bad gateway</html>", RETRY_FAILED),
    (None, 503, "<html>slow down</html>", RETRY_FAILED),
    (None, 504, "", RETRY_FAILED),
    (None, 408, "", RETRY_FAILED),
    ("ServiceUnavailable", 503, "", RETRY_FAILED),
    ("RequestTimeout", 400, "", RETRY_FAILED),
    ("UnrecognizedClientException", 403, "The security token included in the request is invalid.", REGION_OFF),
    ("InvalidClientTokenId", 403, "The security token included in the request is invalid", REGION_OFF),
    ("OptInRequired", 403, "You are not subscribed to this service", REGION_OFF),
    ("ExpiredTokenException", 403, "The security token included in the request is expired", RENEW),
    ("ExpiredToken", 400, "", RENEW),
    ("RequestExpired", 400, "", RENEW),
    ("InvalidSignatureException", 403, "Signature expired", STOP_FAILED),
    ("SignatureDoesNotMatch", 403, "", STOP_FAILED),
    ("RequestTimeTooSkewed", 403, "", STOP_FAILED),
    ("IncompleteSignatureException", 400, "", STOP_FAILED),
    ("MissingAuthenticationTokenException", 403, "", STOP_FAILED),
    ("WhateverComes", 418, "", STOP_FAILED),
    (None, None, "", STOP_FAILED),
]

ASSUMING = [
    ("AccessDenied", 403, "User: x is not authorized to perform: sts:AssumeRole on resource: y", ROLE_DENIED),
    ("AccessDeniedException", 403, "", ROLE_DENIED),
    ("AccessDenied", 403, "Macie is not enabled.", ROLE_DENIED),
    (None, 403, "", ROLE_DENIED),
    ("Throttling", 400, "Rate exceeded", RETRY_THROTTLED),
    ("ThrottlingException", 400, "Rate exceeded", RETRY_THROTTLED),
    ("RequestLimitExceeded", 400, "", RETRY_THROTTLED),
    (None, 429, "", RETRY_THROTTLED),
    ("ExpiredToken", 403, "The security token included in the request is expired", RENEW),
    ("ExpiredTokenException", 400, "", RENEW),
    ("InternalFailure", 500, "", RETRY_FAILED),
    (None, 503, "", RETRY_FAILED),
    ("ValidationError", 400, "the requested DurationSeconds exceeds the MaxSessionDuration", STOP_FAILED),
    ("RegionDisabledException", 403, "STS is not activated in this region", ROLE_DENIED),
    ("SignatureDoesNotMatch", 403, "", STOP_FAILED),
    ("MalformedPolicyDocument", 400, "", STOP_FAILED),
    ("PackedPolicyTooLarge", 400, "", STOP_FAILED),
]

THROTTLE_CODES = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
]


def _response(phase: Phase, code: str | None, status: int | None, message: str = "") -> Failure:
    return Failure(phase=phase, kind=Kind.RESPONSE, code=code, status=status, message=message)


@pytest.mark.parametrize(("code", "status", "message", "verdict"), LISTING)
def test_answers_to_a_listing(code: str | None, status: int | None, message: str, verdict: Verdict) -> None:
    """Each known answer to ListClassificationJobs leads to its action and its outcome."""
    assert judge(_response(LIST, code, status, message)) == verdict


@pytest.mark.parametrize(("code", "status", "message", "verdict"), ASSUMING)
def test_answers_to_an_assume_role(code: str | None, status: int | None, message: str, verdict: Verdict) -> None:
    """Each known answer to AssumeRole leads to its action and its outcome."""
    assert judge(_response(ASSUME, code, status, message)) == verdict


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("status", [400, 403, 429, 503])
@pytest.mark.parametrize("code", THROTTLE_CODES)
def test_every_throttle_code_is_throttling(code: str, status: int, phase: Phase) -> None:
    """A throttle code counts, whatever status and stage it comes with."""
    failure = _response(phase, code, status)
    assert failure.throttled
    assert judge(failure) == RETRY_THROTTLED
    assert judge(failure, page=7) == RETRY_THROTTLED


@pytest.mark.parametrize(
    ("phase", "kind", "verdict"),
    [
        (LIST, Kind.CONNECT, Verdict(Action.PARK, Outcome.REGION_UNREACHABLE)),
        (LIST, Kind.BROKEN, RETRY_FAILED),
        (LIST, Kind.NOT_A_LISTING, Verdict(Action.RETRY, Outcome.LISTING_INCOMPLETE)),
        (LIST, Kind.LOCAL, STOP_FAILED),
        (ASSUME, Kind.CONNECT, RETRY_FAILED),
        (ASSUME, Kind.BROKEN, RETRY_FAILED),
        (ASSUME, Kind.NOT_A_LISTING, RETRY_FAILED),
        (ASSUME, Kind.LOCAL, STOP_FAILED),
    ],
)
def test_failures_without_an_answer(phase: Phase, kind: Kind, verdict: Verdict) -> None:
    """What the network does is judged by its kind alone; no text in it means anything."""
    assert judge(Failure(phase=phase, kind=kind, code="429", status=429, message="Macie is not enabled.")) == verdict


@pytest.mark.parametrize("code", ["ValidationException", "BadRequestException", "InvalidNextTokenException", None])
def test_a_refusal_on_a_later_page_begins_the_listing_again(code: str | None) -> None:
    """On page 2 and later only the token is new: a 400 there means the token, on page 1 it means the request."""
    failure = _response(LIST, code, 400, "nextToken is invalid")
    assert judge(failure, page=1) == STOP_FAILED
    assert judge(failure, page=2) == Verdict(Action.RESTART, Outcome.LISTING_INCOMPLETE)
    assert judge(_response(ASSUME, code, 400), page=2) == STOP_FAILED


@given(
    st.sampled_from(Phase),
    st.none() | st.text(max_size=40) | st.sampled_from([*THROTTLE_CODES, "AccessDeniedException", "ExpiredToken"]),
    st.none() | st.integers(100, 599),
    st.text(),
    st.integers(1, 50),
)
def test_no_unknown_text_is_ever_covered(
    phase: Phase, code: str | None, status: int | None, message: str, page: int
) -> None:
    """Only the texts and codes that are known to mean `disabled` make a target covered."""
    verdict = judge(_response(phase, code, status, message), page=page)
    assert not verdict.outcome.covered
    assert verdict.outcome is not Outcome.NOT_ATTEMPTED


@given(st.sampled_from(Phase), st.text(), st.sampled_from([None, 404, 409, 429, 500, 503]), st.text())
def test_macie_off_is_believed_from_a_refusal_only(phase: Phase, before: str, status: int | None, after: str) -> None:
    """An error that quotes the words, but is no refusal of a listing, does not cover a target."""
    message = f"{before}Macie is not enabled{after}"
    verdict = judge(_response(phase, "SomeException", status, message))
    assert verdict == MACIE_OFF if phase is LIST and status is None else not verdict.outcome.covered


@given(st.integers(100, 599), st.text(max_size=20))
def test_a_terminal_answer_is_not_repeated(status: int, code: str) -> None:
    """On the first page only throttling, server errors and a request timeout are worth repeating."""
    action = judge(_response(LIST, code, status)).action
    assert (action is Action.RETRY) == (status >= 500 or status in (408, 429))


def test_regions_are_always_on_or_opt_in() -> None:
    """The seventeen regions that nobody can switch off, and the five that are opted in to, are different ones."""
    assert not any(always_on(region) for region in OPT_IN_REGIONS)
    assert always_on("us-east-1")
    assert not always_on("mx-central-1")


def test_a_failure_that_is_no_answer_is_no_throttling() -> None:
    """Only the service can ask for fewer calls."""
    assert not Failure(phase=LIST, kind=Kind.BROKEN, code="Throttling", status=429).throttled
