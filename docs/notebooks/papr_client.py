# %% [markdown]
# # The official Papr client against MemoryScope
#
# A support team keeps what it knows. Three people write, each for other readers; one memory must not become knowledge, one
# waits for a review. Everything is done with the official client, `pip install papr-memory==2.29.0`; nothing is set but its
# base URL. Run it against two servers, the second of them empty:
#
#     memoryscope serve --listen 127.0.0.1:8000 --database-url sqlite://one.db
#     memoryscope serve --listen 127.0.0.1:8001 --database-url sqlite://two.db
#     python papr_client.py http://127.0.0.1:8000 http://127.0.0.1:8001
#
# Each cell says what it expects, so that what is read here is what the server does: the suite of this repository runs it.

# %%
import logging
import os
import sys
import time

os.environ["PAPR_ONDEVICE_PROCESSING"] = "false"

logging.disable(logging.CRITICAL)  # The client logs every search.

import httpx
import papr_memory

first_url, second_url = sys.argv[1:3]
papr = papr_memory.Papr(x_api_key="any", base_url=first_url, max_retries=0)
plain = httpx.Client(base_url=first_url)  # For what the client has no method for.


def found(query, user, **more):
    """What a user finds: the contents, the best first."""
    answer = papr.memory.search(query=query, external_user_id=user, **more)
    return [memory.content for memory in answer.data.memories]


def refused(status, call):
    """A call that the server must refuse with this status; the answer says why."""
    try:
        call()
    except papr_memory.APIStatusError as error:
        assert error.status_code == status, error
        return error.body
    raise AssertionError(f"it was not refused with {status}")


# %% [markdown]
# ## A schema with a controlled vocabulary
#
# Tickets have a status out of three and a priority out of two, and are assigned to persons. Persons are looked up and never
# made by the way: nobody becomes a member of the team because a text mentions them. The policy of the schema holds for every
# memory that names it and does not say otherwise.

# %%
made = papr.schemas.create(
    name="Support",
    status="active",
    node_types={
        "Ticket": {
            "name": "Ticket",
            "label": "Ticket",
            "properties": {
                "title": {"type": "string", "required": True},
                "status": {"type": "string", "enum_values": ["open", "waiting", "solved"], "default": "open"},
                "priority": {"type": "string", "enum_values": ["normal", "urgent"], "default": "normal"},
            },
            "constraint": {"search": {"properties": [{"name": "title", "mode": "exact"}]}},
        },
        "Person": {
            "name": "Person",
            "label": "Person",
            "properties": {"name": {"type": "string", "required": True}, "email": {"type": "string"}},
            "constraint": {"create": "lookup", "search": {"properties": [{"name": "email", "mode": "exact"}, "name"]}},
        },
    },
    relationship_types={
        "ASSIGNED_TO": {
            "name": "ASSIGNED_TO",
            "label": "assigned to",
            "allowed_source_types": ["Ticket"],
            "allowed_target_types": ["Person"],
        }
    },
    memory_policy={"consent": "terms"},
)
support = made.data.id
assert made.success and papr.schemas.retrieve(support).data.name == "Support"

# A status outside of the vocabulary is refused with the field and what is allowed, and nothing is stored.
wrong = {"mode": "manual", "schema_id": support, "nodes": [{"id": "t", "type": "Ticket", "properties": {"title": "x", "status": "lost"}}]}
body = refused(422, lambda: papr.memory.add(content="A lost ticket.", external_user_id="ana", memory_policy=wrong))
assert "must be one of: open, waiting, solved" in body["detail"][0]["msg"], body

# %% [markdown]
# ## Three people, three sorts of readers
#
# `acl`, `consent` and `risk` stand at the top of a request. The client was made before they did, so they go by `extra_body`.
#
# Ana writes for Ben; Ben writes for himself; Cleo writes for both, and lets Ana change it.

# %%
from_ana = papr.memory.add(
    content="The printer on the second floor jams when the paper is damp.",
    external_user_id="ana",
    metadata={"role": "user", "category": "fact", "topics": ["printer"], "customMetadata": {"floor": 2, "confirmed": True}},
    extra_body={"acl": {"read": ["ben"]}, "consent": "explicit"},
).data[0].memory_id
from_ben = papr.memory.add(
    content="Remember to order paper for the printer on Friday.",
    external_user_id="ben",
    metadata={"role": "user", "category": "task"},
).data[0].memory_id
from_cleo = papr.memory.add(
    content="The warranty of the printer ends in March.",
    external_user_id="cleo",
    extra_body={"acl": {"read": ["ana", "ben"], "write": ["ana"]}, "consent": "terms"},
).data[0].memory_id

# Each finds what is theirs and what is shared with them, and nothing else: no count, no hint.
assert set(found("printer", "ana")) == {
    "The printer on the second floor jams when the paper is damp.",
    "The warranty of the printer ends in March.",
}
assert len(found("printer", "ben")) == 3
assert found("printer", "cleo") == ["The warranty of the printer ends in March."]
assert found("printer", "eve") == []

# What an item is about narrows a search.
assert found("*", "ben", metadata={"customMetadata": {"floor": 2}}) == ["The printer on the second floor jams when the paper is damp."]

# %% [markdown]
# ## Without consent, nothing becomes knowledge
#
# It is kept, its owner finds it by its words, and nothing is made of it: no node, no vector, nothing derived, not sent to any
# model. A graph that is given with it is left out, and the answer says so.

# %%
private = papr.memory.add(
    content="Ben was on sick leave in May, because of his back.",
    external_user_id="ben",
    extra_body={"consent": "none", "acl": {"read": ["ana"]}},
).data[0].memory_id
assert papr.memory.retrieve_status(private, extra_query={"external_user_id": "ben"})["extraction"]["reason"] == "no_consent"
assert found("sick leave", "ben") == ["Ben was on sick leave in May, because of his back."]
assert found("sick leave", "ben", omo_filter={"require_consent": True}) == []

# %% [markdown]
# ## What is flagged is its owner's alone, and waits for a review
#
# Whatever its `acl` says.

# %%
flagged = papr.memory.add(
    content="A customer sent the passport number X1234567 by mail.",
    external_user_id="cleo",
    extra_body={"risk": "flagged", "acl": {"read": ["ana", "ben"]}},
).data[0].memory_id
assert found("passport", "ana") == [] == found("passport", "ben")
assert found("passport", "cleo") == ["A customer sent the passport number X1234567 by mail."]
assert found("passport", "cleo", omo_filter={"exclude_flagged": True}) == []
assert plain.get("/v1/review").status_code == 403
queue = plain.get("/v1/review", headers={"X-MemoryScope-Roles": "reviewer"}).json()
assert [waiting["id"] for waiting in queue["data"]] == [flagged], queue

# %% [markdown]
# ## A graph that is given
#
# In the mode `manual` exactly the given nodes and edges are made, before the request is answered. Nodes carry the memory that
# says so, its consent and its risk, and are seen by whoever may read that memory.

# %%
answer = papr.memory.add(
    content="Ana takes the ticket about the jammed printer.",
    external_user_id="ana",
    memory_policy={
        "mode": "manual",
        "schema_id": support,
        "nodes": [
            {"id": "ticket", "type": "Ticket", "properties": {"title": "Printer jams", "priority": "urgent"}},
            {"id": "ana", "type": "Person", "properties": {"name": "Ana", "email": "ana@example.org"}},
        ],
        "relationships": [
            {"source": "ticket", "target": "ana", "type": "ASSIGNED_TO"},
            {"source": "$this", "target": "$previous", "type": "FOLLOWS"},
        ],
    },
    extra_body={"acl": {"read": ["ben"]}},
)
given = answer.data[0].memory_id
graph = answer.details["graph"]
assert [node["outcome"] for node in graph["nodes"]] == ["created", "created"], graph
assert [edge["outcome"] for edge in graph["relationships"]] == ["created", "created"], graph
ticket = graph["nodes"][0]["node"]

node = plain.get(f"/v1/graph/nodes/{ticket}", params={"external_user_id": "ben"}).json()["data"]
assert node["properties"] == {"title": "Printer jams", "status": "open", "priority": "urgent"}
assert node["sources"][0] == {"memory_id": given, "method": "given", "consent": "terms", "risk": "none"}
assert plain.get(f"/v1/graph/nodes/{ticket}", params={"external_user_id": "cleo"}).status_code == 404

# An exact pattern is the way to ask about an edge.
pattern = {"source_label": "Ticket", "relationship_type": "ASSIGNED_TO", "target_label": "Person", "direction": "->"}
filters = [{"node_type": "Ticket", "property_name": "priority", "operator": "EQUALS", "value": "urgent"}]
urgent = papr.memory.search(query="urgent tickets", external_user_id="ben", search_override={"pattern": pattern, "filters": filters})
assert {item.label for item in urgent.data.nodes} == {"Ticket", "Person"} and urgent.data.schemas_used == [support]

# %% [markdown]
# ## A graph that is extracted
#
# In the mode `auto` the memory is found at once, and a job makes the graph a little later; its status is asked for. What was
# found is looked for among what is known: the ticket is the one from above and is changed, Ana is linked to, and Zoe, whom
# nobody knows, is left out, because persons are only looked up. The status says so for each of them.

# %%
told = 'Ticket "Printer jams" is solved. Write to Ana <ana@example.org>. Zoe <zoe@example.org> was there too.'
extracted = papr.memory.add(
    content=told, external_user_id="ana", memory_policy={"mode": "auto", "schema_id": support}, extra_body={"acl": {"read": ["ben"]}}
).data[0].memory_id
assert told in found("solved", "ben")

status = {"status": "queued"}
while status["status"] in ("queued", "processing"):
    time.sleep(0.05)
    status = papr.memory.retrieve_status(extracted, extra_query={"external_user_id": "ana"})
assert status["status"] == "completed", status
outcomes = {node["type"]: [] for node in status["extraction"]["nodes"]}
for node in status["extraction"]["nodes"]:
    outcomes[node["type"]].append(node["outcome"])
assert outcomes == {"Ticket": ["merged"], "Person": ["linked", "skipped"]}, status

seen = papr.memory.search(query="solved", external_user_id="ben", enable_agentic_graph=True)
assert ("Printer jams", "solved") in [(item.properties.get("title"), item.properties.get("status")) for item in seen.data.nodes]

# %% [markdown]
# ## Changing and erasing
#
# Readers read, writers write. What a change does not mention stays as it was; what is erased is gone, for everybody and from the
# graph too: the ticket is open again, since only the erased memory said that it was solved.

# %%
change = {"content": "The warranty of the printer ends in April."}
refused(403, lambda: papr.memory.update(from_cleo, **change, extra_body={"external_user_id": "ben"}))
refused(404, lambda: papr.memory.update(from_cleo, **change, extra_body={"external_user_id": "eve"}))
papr.memory.update(from_cleo, **change, extra_body={"external_user_id": "ana"})
assert "The warranty of the printer ends in April." in found("warranty", "ben")

papr.memory.delete(extracted, extra_query={"external_user_id": "ana"})
refused(404, lambda: papr.memory.get(extracted))
assert told not in found("solved", "ben")
node = plain.get(f"/v1/graph/nodes/{ticket}", params={"external_user_id": "ben"}).json()["data"]
assert node["properties"]["status"] == "open"

# %% [markdown]
# ## Moving: out of one server, into an empty one
#
# Open Memory Objects carry content, metadata, access list, consent, risk, policy and state. Who asks gets what they may see:
# Ana takes along what is hers and what Cleo shares with her; nothing of Ben's, nothing that waits for a review, nothing erased.

# %%
ids = [from_ana, from_ben, from_cleo, given, extracted, private, flagged]
exported = papr.omo.export_memories(memory_ids=ids, extra_body={"external_user_id": "ana"})
assert {item["id"] for item in exported.memories} == {from_ana, from_cleo, given}, exported

other = papr_memory.Papr(x_api_key="any", base_url=second_url, max_retries=0)
moved = other.omo.import_memories(memories=exported.memories)
assert (moved.imported, moved.skipped, moved.errors) == (3, 0, []), moved
again = other.omo.import_memories(memories=exported.memories)
assert (again.imported, again.skipped) == (0, 3), again
back = other.omo.export_memories(memory_ids=moved.memory_ids, extra_body={"external_user_id": "ana"})
assert sorted(back.memories, key=lambda item: item["id"]) == sorted(exported.memories, key=lambda item: item["id"])

# What was erased does not come back by the back door.
before = papr.omo.export_memories(memory_ids=[given], extra_body={"external_user_id": "ana"}).memories
papr.memory.delete(given, extra_query={"external_user_id": "ana"})
refusal = papr.omo.import_memories(memories=before)
assert refusal.imported == 0 and len(refusal.errors) == 1, refusal

print("Everything is as it says here.")
