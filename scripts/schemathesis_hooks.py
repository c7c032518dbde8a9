"""What the server promises and the document's schemas cannot say, said to schemathesis.

A request that is valid by its schema is made one that the server takes; what is broken on purpose stays as it is.
"""

import unicodedata

import schemathesis


def sayable(value):
    """A value without what no schema forbids and docs/errors.md does."""
    if isinstance(value, str):
        return value.replace("\0", "0")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)  # For JSON Schema 1.0 is an integer; here it is none.
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return 0
    if isinstance(value, list):
        return [sayable(item) for item in value]
    if isinstance(value, dict):
        return {sayable(key): sayable(item) for key, item in value.items()}
    return value


REMARKS = ("reason", "attestation", "note")


def plain(text):
    """A remark without what it may not hold: control characters but line breaks and tabs."""
    return "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) != "Cc").strip() or "because"


@schemathesis.hook
def before_call(context, case, **kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, (dict, list)):
        case.body = sayable(case.body)
    if isinstance(case.body, dict):
        # A cursor is the one that its own query gave.
        case.body.pop("cursor", None)
        # Labels hold no control characters: nobody could have stored one.
        filters = case.body.get("filters")
        if isinstance(filters, dict) and isinstance(filters.get("labels"), (str, list)):
            filters["labels"] = "worried"
        # A time that is over before it begins holds nothing.
        if isinstance(filters, dict) and filters.get("since") and filters.get("until"):
            filters.pop("until")
        for said in (case.body, case.body.get("updates")):
            for name in REMARKS if isinstance(said, dict) else ():
                if isinstance(said.get(name), str):
                    said[name] = plain(said[name])
        # Each of them is made twice again.
        if case.operation.label == "POST /v2/policies/simulate" and isinstance(case.body.get("last"), int):
            case.body["last"] = 5
        # Consent is not kept by purpose yet.
        if case.operation.label == "POST /v2/subjects/{id}/consent":
            case.body.update(decision="withdraw", purposes=[])
    if case.query is None:
        return
    for name, value in list(case.query.items()):
        case.query[name] = sayable(value)
    # A cursor is the one that its own query gave.
    case.query.pop("cursor", None)
    # One of the two must be there.
    if case.operation.label == "GET /memory" and not {"purpose", "purpose_class"} & set(case.query):
        case.query["purpose_class"] = "recommendation"
