"""Each operation of the official client, against a server: python client.py ADDRESS OPERATION [OTHER ADDRESS].

Nothing is set but the base URL. A key is sent, as the client always does; without keys in force it says nothing.
"""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["PAPR_ONDEVICE_PROCESSING"] = "false"
logging.disable(logging.CRITICAL)

import papr_memory  # noqa: E402


def client(address):
    return papr_memory.Papr(x_api_key="any", base_url=address, max_retries=0)


def refused(status, call):
    try:
        call()
    except papr_memory.APIStatusError as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"it was not refused with {status}")


def added(papr, content="Ana prefers window seats.", user="ana", **more):
    answer = papr.memory.add(content=content, external_user_id=user, **more)
    assert (answer.code, answer.status, len(answer.data)) == (200, "success", 1), answer
    item = answer.data[0]
    assert item.memory_id == item.object_id and item.memory_chunk_ids and item.created_at, item
    return item.memory_id


def found(papr, query, user="ana", **more):
    answer = papr.memory.search(query=query, external_user_id=user, **more)
    assert answer.status == "success" and answer.search_id, answer
    return [memory.id for memory in answer.data.memories]


def add(papr):
    metadata = {"role": "user", "category": "preference", "topics": ["travel"], "emoji tags": ["✈"],
                "sourceUrl": "https://example.org", "customMetadata": {"trip": 7, "confirmed": True}}
    memory = added(papr, metadata=metadata, type="text", context=[{"role": "user", "content": "Where?"}],
                   extra_body={"consent": "explicit", "acl": {"read": ["ben"]}})
    shown = papr.memory.get(memory).data.memories[0]
    assert (shown.content, shown.type, shown.external_user_id) == ("Ana prefers window seats.", "text", "ana")
    assert (shown.category, shown.topics, shown.source_url) == ("preference", ["travel"], "https://example.org")
    assert shown.custom_metadata == {"trip": 7, "confirmed": True} and shown.context[0].content == "Where?"
    assert shown.acl["external_user:ben"] == {"read": True, "write": False}
    refused(400, lambda: papr.memory.add(content="x", user_id="ana@example.org"))
    refused(422, lambda: papr.memory.add(content=" "))
    refused(422, lambda: papr.memory.add(content="x", memory_policy={"mode": "manual"}))
    refused(413, lambda: papr.memory.add(content="x" * 15_001))


def add_batch(papr):
    items = [{"content": "one"}, {"content": "two", "external_user_id": "ben"}]
    answer = papr.memory.add_batch(memories=items, external_user_id="ana")
    assert (answer.code, answer.status, answer.total_successful) == (200, "success", 2), answer
    assert found(papr, "two", "ben") == [answer.successful[1].data[0].memory_id]
    answer = papr.memory.add_batch(memories=[*items, {"content": ""}])
    assert (answer.code, answer.status, answer.total_failed, answer.errors[0].index) == (207, "partial", 1, 2)


def get(papr):
    memory = added(papr, extra_body={"risk": "sensitive", "consent": "none"})
    answer = papr.memory.get(memory)
    assert answer.data.memories[0].id == memory and answer.data.nodes == []
    refused(404, lambda: papr.memory.get(memory, max_risk="none"))
    refused(404, lambda: papr.memory.get(memory, require_consent=True))
    refused(404, lambda: papr.memory.get("unknown"))
    refused(404, lambda: papr.memory.get(memory, extra_query={"external_user_id": "eve"}))
    flagged = added(papr, extra_body={"risk": "flagged"})
    refused(404, lambda: papr.memory.get(flagged))
    assert papr.memory.get(flagged, extra_query={"external_user_id": "ana"}).data.memories[0].id == flagged


def search(papr):
    seats = added(papr, metadata={"topics": ["travel"], "customMetadata": {"trip": 7}})
    rain = added(papr, content="It rained in Lisbon.")
    assert found(papr, "Which seats does Ana prefer?") == [seats]
    assert found(papr, "*") == [rain, seats] == found(papr, "everything")
    assert found(papr, "*", metadata={"customMetadata": {"trip": 7}}) == [seats]
    assert found(papr, "*", max_memories=1) == [rain]
    assert found(papr, "seats", "ben") == []
    terms = added(papr, content="By terms.", extra_body={"consent": "terms"})
    assert terms not in found(papr, "*", omo_filter={"min_consent": "implicit"})
    tested = {"filters": {"customMetadata.trip": {"gte": 7}, "not": {"topics": "food"}}}
    assert found(papr, "*", "ana", extra_body=tested) == found(papr, "*", "ana", metadata={"customMetadata": {"trip": 7}})
    assert found(papr, "*", "ana", extra_body={"filters": {"customMetadata.trip": {"ne": 8}, "location": {"ne": "x"}}}) == []
    refused(422, lambda: papr.memory.search(query="*", extra_body={"filters": {"customMetadata.trip": {"above": 7}}}))
    everything, cursor = [], None
    while True:
        more = {"cursor": cursor, "max_tokens": 1_000}
        page = papr.memory.search(query="*", external_user_id="ana", max_memories=1, extra_body=more)
        everything += [memory.id for memory in page.data.memories]
        cursor = page.model_extra["next_cursor"]
        if cursor is None:
            break
        assert len(page.data.memories) == 1 and page.model_extra["tokens_used"] > 0
    assert everything == found(papr, "*", "ana"), everything
    refused(422, lambda: papr.memory.search(query="*", extra_body={"cursor": "x"}))
    refused(400, lambda: papr.memory.search(query=" "))
    refused(422, lambda: papr.memory.search(query="x", max_memories=101))


def shared(papr):
    memory = added(papr, extra_body={"acl": {"read": ["ben"], "write": ["eve"]}})
    assert found(papr, "seats", "ben") == [memory] == found(papr, "seats", "eve")
    change = {"content": "x"}
    refused(403, lambda: papr.memory.update(memory, **change, extra_body={"external_user_id": "ben"}))
    refused(404, lambda: papr.memory.update(memory, **change, extra_body={"external_user_id": "zoe"}))
    papr.memory.update(memory, content="Eve changed it.", extra_body={"external_user_id": "eve"})
    assert found(papr, "changed", "ben") == [memory]


def update(papr):
    memory = added(papr, metadata={"topics": ["travel"], "role": "user"}, extra_body={"acl": {"read": ["ben"]}})
    answer = papr.memory.update(memory, content="Ana prefers aisle seats.", metadata={"location": "Lisbon"})
    item = answer.memory_items[0]
    assert (answer.code, item.memory_id, item.content) == (200, memory, "Ana prefers aisle seats.")
    assert item.updated_at and item.metadata.location == "Lisbon" and item.metadata.topics == ["travel"]
    shown = papr.memory.get(memory).data.memories[0]
    assert "external_user:ben" in shown.acl and shown.updated_at > shown.created_at
    assert found(papr, "aisle") == [memory] and found(papr, "window") == []
    refused(404, lambda: papr.memory.update("unknown", content="x"))


def delete(papr):
    memory = added(papr)
    answer = papr.memory.delete(memory)
    assert (answer.code, answer.status, answer.memory_id) == (200, "success", memory), answer
    refused(404, lambda: papr.memory.get(memory))
    assert found(papr, "seats") == []
    refused(404, lambda: papr.memory.delete("unknown"))


def status(papr):
    memory = added(papr, skip_background_processing=True)
    # Where there is a model, its vector comes a little later.
    while (status := papr.memory.retrieve_status(memory)["status"]) != "completed":
        assert status == "processing", status


def developer(papr):
    memory = papr.memory.add(content="House rules.").data[0].memory_id
    answer = papr.memory.search(query="rules")
    assert [one.id for one in answer.data.memories] == [memory]
    assert found(papr, "rules") == []


def organization(papr):
    memory = added(papr, organization_id="acme", namespace_id="n")
    place = {"organization_id": "acme", "namespace_id": "n"}
    assert found(papr, "seats", **place) == [memory]
    assert found(papr, "seats") == [] == found(papr, "seats", organization_id="acme")
    refused(404, lambda: papr.memory.get(memory))
    assert papr.memory.get(memory, extra_query={"organization_id": "acme"}).data.memories[0].organization_id == "acme"


def purpose(papr):
    added(papr)
    assert found(papr, "seats", extra_headers={"X-Purpose": "recommendation"})
    refused(422, lambda: found(papr, "seats", extra_headers={"X-Purpose": "fun"}))


def export(papr):
    memory = added(papr, metadata={"topics": ["travel"]}, extra_body={"acl": {"read": ["ben"]}, "consent": "terms"})
    answer = papr.omo.export_memories(memory_ids=[memory, "unknown"])
    assert (answer.code, answer.status, answer.count, len(answer.memories)) == (200, "success", 1, 1), answer
    one = answer.memories[0]
    assert (one["id"], one["content"], one["type"]) == (memory, "Ana prefers window seats.", "text"), one
    assert (one["consent"], one["topics"], one["acl"]["read"]) == ("terms", ["travel"], ["external_user:ben"]), one
    eyes = {"external_user_id": "eve"}
    assert papr.omo.export_memories(memory_ids=[memory], extra_body=eyes).count == 0
    file = papr.omo.export_memories_as_json(memory_ids=f"{memory},unknown")
    assert file["memories"] == answer.memories, file
    added_as = papr.memory.with_raw_response.add(content="x", external_user_id="ana", format="omo").json()
    assert added_as["omo"][0]["content"] == "x", added_as
    refused(422, lambda: papr.omo.export_memories(memory_ids=[]))


def omo(papr, other):
    memory = added(papr, context=[{"role": "user", "content": "Where?"}], extra_body={"risk": "sensitive"})
    plain = papr.memory.add(content="House rules.").data[0].memory_id
    exported = papr.omo.export_memories(memory_ids=[memory, plain]).memories
    answer = other.omo.import_memories(memories=exported)
    assert (answer.code, answer.status, answer.imported, answer.skipped) == (200, "success", 2, 0), answer
    assert (answer.errors, answer.memory_ids) == ([], [memory, plain]), answer
    assert other.omo.export_memories(memory_ids=[memory, plain]).memories == exported
    assert found(other, "seats") == [memory]
    again = other.omo.import_memories(memories=exported)
    assert (again.imported, again.skipped, again.errors) == (0, 2, []), again
    again = other.omo.import_memories(memories=exported, skip_duplicates=False)
    assert (again.code, again.status, again.imported) == (207, "error", 0), again
    assert [error["reason"] for error in again.errors] == ["duplicate", "duplicate"], again
    other.memory.delete(memory, extra_query={"external_user_id": "ana"})
    foreign = {**exported[0], "id": "elsewhere"}
    again = other.omo.import_memories(memories=[exported[0], foreign, exported[1]])
    assert (again.status, again.imported, again.skipped) == ("partial", 0, 1), again
    assert [(error["index"], error["reason"]) for error in again.errors] == [(0, "erased"), (1, "erased")], again
    assert found(other, "seats") == []
    refused(422, lambda: other.omo.import_memories(memories=[]))


def batch_status(papr):
    items = [{"content": "Ana likes tea."}, {"content": "Ben likes rum.", "external_user_id": "ben"}, {"content": " "}]
    answer = papr.memory.add_batch(memories=items, external_user_id="ana")
    assert (answer.status, answer.total_failed) == ("partial", 1) and answer.batch_id.startswith("batch_"), answer
    told = papr.memory.retrieve_batch_status(answer.batch_id)
    assert (told["batch_id"], told["total"], told["refused"]) == (answer.batch_id, 3, 1), told
    assert told["status"] in ("processing", "partial"), told
    ids = {stored.data[0].memory_id for stored in answer.successful}
    assert {memory["memory_id"] for memory in told["memories"]} == ids, told
    refused(404, lambda: papr.memory.retrieve_batch_status("batch_" + 32 * "0"))
    refused(404, lambda: papr.memory.retrieve_batch_status("none"))


def webhook(papr):
    # This machine is not reached unless that is allowed; so nobody is told, and who runs the server sees why.
    hook = "http://127.0.0.1:9/hook?token=t0p"
    memory = added(papr, webhook_url=hook, webhook_secret="s3cret")
    batch = papr.memory.add_batch(memories=[{"content": "one"}], webhook_url=hook, webhook_secret="s3cret")
    told = papr.get("/v2/webhooks/deliveries", cast_to=object)["items"]
    about = {(delivery["memory_id"], delivery["batch_id"]) for delivery in told}
    assert about == {(memory, None), (None, batch.batch_id)}, told
    assert {delivery["url"] for delivery in told} == {"http://127.0.0.1:9"} and "s3cret" not in str(told), told
    refused(422, lambda: papr.memory.add(content="x", webhook_url="ftp://example.org"))
    refused(422, lambda: papr.memory.add_batch(memories=[{"content": "x"}], webhook_url="https://a:b@example.org"))


def delete_all(papr):
    refused(404, lambda: papr.memory.delete_all(external_user_id="ana"))
    own = [added(papr), added(papr, namespace_id="n"), added(papr, extra_body={"acl": {"write": ["ben"]}})]
    bens = added(papr, content="Ben rows.", user="ben", extra_body={"acl": {"write": ["ana"]}})
    rules = papr.memory.add(content="House rules.").data[0].memory_id
    answer = papr.memory.delete_all(external_user_id="ana", namespace_id="n")
    assert (answer.code, answer.status, answer.total_successful) == (200, "success", 1), answer
    assert answer.successful[0].data[0].memory_id == own[1], answer
    answer = papr.memory.delete_all(external_user_id="ana", skip_parse=True)
    assert (answer.total_processed, answer.total_failed, answer.errors) == (2, 0, []), answer
    assert {one.data[0].memory_id for one in answer.successful} == {own[0], own[2]}, answer
    for memory in own:
        refused(404, lambda: papr.memory.get(memory))
    assert papr.memory.get(bens).data.memories[0].id == bens
    assert papr.memory.delete_all().successful[0].data[0].memory_id == rules
    refused(404, lambda: papr.memory.delete_all())
    refused(400, lambda: papr.memory.delete_all(user_id="ana@example.org"))


def users(papr):
    ana = papr.user.create(external_id="ana", email="ana@example.org", metadata={"plan": "free"}, type="user")
    assert (ana.code, ana.status, ana.external_id, ana.email) == (201, "success", "ana", "ana@example.org"), ana
    again = papr.user.create(external_id="ana")
    assert (again.code, again.user_id, again.metadata) == (200, ana.user_id, {"plan": "free"}), again
    batch = papr.user.create_batch(users=[{"external_id": "ben"}, {"external_id": "cy", "type": "agent"}])
    assert (batch.code, batch.status, [user.external_id for user in batch.data]) == (200, "success", ["ben", "cy"]), batch
    batch = papr.user.create_batch(users=[{"external_id": "ben"}, {"external_id": " "}])
    assert (batch.code, batch.status, [user.code for user in batch.data]) == (207, "partial", [200, 422]), batch
    listed = papr.user.list(page=1, page_size=2)
    assert (listed.total, listed.page, listed.page_size, len(listed.data)) == (3, 1, 2, 2), listed
    assert [user.user_id for user in papr.user.list(external_id="ana").data] == [ana.user_id]
    assert [user.user_id for user in papr.user.list(email="ana@example.org").data] == [ana.user_id]
    assert papr.user.get(ana.user_id).created_at == ana.created_at
    changed = papr.user.update(ana.user_id, email="ana@example.com", metadata={"plan": "paid"}, type="developerUser")
    assert (changed.email, changed.metadata, changed.created_at) == ("ana@example.com", {"plan": "paid"}, ana.created_at)
    refused(422, lambda: papr.user.update(ana.user_id, external_id="anna"))
    refused(404, lambda: papr.user.get("unknown"))
    memory = papr.memory.add(content="Ana rows.", user_id=ana.user_id).data[0].memory_id
    assert found(papr, "rows", "ana") == [memory]
    shared = added(papr, "Ben rows.", "ben", extra_body={"acl": {"read": [f"user:{ana.user_id}"]}})
    assert set(found(papr, "rows", "ana")) == {memory, shared}
    gone = papr.user.delete("ben", is_external=True)
    assert (gone.code, gone.status, papr.user.list().total) == (200, "success", 2), gone
    assert papr.user.delete(ana.user_id).user_id == ana.user_id
    refused(404, lambda: papr.user.delete(ana.user_id))
    assert memory in found(papr, "rows", "ana"), "memories stay"


def namespaces(papr):
    made = papr.namespace.create(name="acme", environment_type="production", is_active=True,
                                 rate_limits={"per_minute": 60, "per_day": None}, default_policy={"risk": "sensitive"})
    assert (made.code, made.status, made.data.name, made.data.environment_type) == (201, "success", "acme", "production")
    assert made.data.rate_limits == {"per_minute": 60, "per_day": None} and made.data.is_active, made
    space = made.data.object_id
    assert papr.namespace.retrieve(space).data == made.data
    listed = papr.namespace.list(limit=1, skip=0)
    assert (listed.total, [one.object_id for one in listed.data]) == (1, [space]), listed
    memory = added(papr, namespace_id=space)
    shown = papr.memory.get(memory, extra_query={"include": "effective_policy"}).data.memories[0]
    assert shown.model_extra["effective_policy"]["risk"] == {"layer": "namespace", "value": "sensitive"}, shown
    shared = added(papr, content="Cy rows.", user="cy", extra_body={"acl": {"read": [f"namespace:{space}"]}})
    refused(422, lambda: added(papr, extra_body={"acl": {"read": ["namespace:unknown"]}}))
    changed = papr.namespace.update(space, is_active=False, name="old", default_policy=None)
    assert (changed.data.is_active, changed.data.name, changed.data.default_policy) == (False, "old", None), changed
    refused(403, lambda: added(papr, namespace_id=space))
    refused(422, lambda: papr.namespace.delete(space, delete_neo4j_nodes=True))
    gone = papr.namespace.delete(space, delete_memories=True, delete_neo4j_nodes=True, remove_acl_references=True)
    assert (gone.code, gone.status, gone.namespace_id) == (200, "success", space), gone
    assert (gone.cascade.memories_deleted, gone.cascade.acl_read_cleaned) == (1, 1), gone
    refused(404, lambda: papr.memory.get(memory))
    assert list(papr.memory.get(shared).data.memories[0].acl) == ["external_user:cy"]
    refused(404, lambda: papr.namespace.retrieve(space))
    refused(501, lambda: papr.namespace.create_api_key(space, name="k"))


def toon(papr):
    import toon_format
    for text in ["Ana prefers window seats.", "- a: [1], \"2\"\n\tand more", "true", "0.5", "☃ # no comment"]:
        added(papr, text, metadata={"topics": ["a, b", "-"], "customMetadata": {"trip": 7, "note-x.y": "null"}})
    search = {"query": "*", "external_user_id": "ana", "extra_body": {"explain": True}}
    plain = papr.memory.with_raw_response.search(**search)
    raw = papr.memory.with_raw_response.search(**search, response_format="toon")
    assert (raw.headers["content-type"], raw.headers["x-content-format"]) == ("text/plain; charset=utf-8", "toon")
    plain, told = plain.http_response.json(), toon_format.decode(raw.http_response.text)
    # Each search has an entry of its own in the audit chain.
    assert plain.pop("search_id") != told.pop("search_id") and plain == told, told
    answer = papr.memory.search(**search, response_format="toon")
    assert isinstance(answer, str) and answer.startswith("code: 200"), answer


def links(papr):
    first, second = added(papr, "One."), added(papr, "Two.")
    third = papr.memory.add(content="Three.", external_user_id="ana", link_to="$context:2").data[0].memory_id
    papr.memory.add(content="x", external_user_id="ana", link_to=["Task.via(ASSIGNED_TO->Person:email=a@b.c)"])
    refused(422, lambda: papr.memory.add(content="x", link_to="$context:0"))
    assert len({first, second, third}) == 3


def move(papr, other):
    """What scripts/move-from-papr brings from one server to the other."""
    script = pathlib.Path(__file__).parents[5] / "scripts" / "move-from-papr"

    def run(*more, code=0):
        command = [sys.executable, "-B", script, "--from", str(papr.base_url), "--to", str(other.base_url), "--json", *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)["moved"] if done.stdout else done.stderr

    anas = [added(papr, f"Ana's note {n}.", metadata={"topics": ["notes"]}) for n in range(55)]
    shared = added(papr, "Ben's plan.", user="ben", extra_body={"acl": {"read": ["ana"]}})
    flagged = added(papr, "Ben's secret.", user="ben", extra_body={"risk": "flagged"})
    dry = run("--user", "ana", "--dry-run")
    assert dry["ana"] == {"found": 55, "exported": 55, "imported": 0, "skipped": 0, "refused": []}, dry
    told = run("--user", "ana", "--user", "ben")
    assert (told["ana"]["imported"], told["ben"]["imported"]) == (55, 2), told
    again = run("--user", "ana", "--user", "ben")
    assert (again["ana"]["imported"], again["ana"]["skipped"], again["ben"]["skipped"]) == (0, 55, 2), again
    ana = {"external_user_id": "ana"}
    assert other.memory.get(anas[0], extra_query=ana).data.memories[0].topics == ["notes"]
    # Who may read what came along with it.
    assert other.memory.get(shared, extra_query=ana).data.memories[0].content == "Ben's plan."
    refused(404, lambda: other.memory.get(flagged, extra_query=ana))
    with tempfile.NamedTemporaryFile("w") as ids:
        ids.write(f"{anas[0]}\nmem_{'0' * 32}\n")
        ids.flush()
        named = run("--ids", ids.name, code=1)
    assert (named["--ids"]["found"], named["--ids"]["exported"]) == (2, 1), named
    assert "error:" in run("--user", "ana", "--to", "http://127.0.0.1:9", code=1)


def messages(papr):
    stored = papr.messages.store(content="I fly to Lisbon on 3 May.", role="user", session_id="trip",
                                 external_user_id="ana", title="A trip", metadata={"topics": ["travel"]})
    assert (stored.content, stored.role, stored.session_id) == ("I fly to Lisbon on 3 May.", "user", "trip")
    assert stored.object_id.startswith("mem_") and stored.created_at and stored.processing_status, stored
    blocks = [{"type": "text", "text": "From where"}, {"type": "text", "text": "do you leave?"}]
    kept = papr.messages.store(content=blocks, role="assistant", session_id="trip", external_user_id="ana",
                               process_messages=False)
    assert [block.text for block in kept.content] == ["From where", "do you leave?"], kept
    assert kept.processing_status == "pending", kept
    assert found(papr, "Lisbon") == [stored.object_id] and found(papr, "leave") == []
    refused(422, lambda: papr.messages.store(content=[{"type": "image"}], role="user", session_id="trip"))
    refused(422, lambda: papr.messages.store(content="x", role="system", session_id="trip"))
    refused(413, lambda: papr.messages.store(content="x" * 15_001, role="user", session_id="trip"))


def sessions(papr):
    def say(content, n, **more):
        role = "user" if n % 2 == 0 else "assistant"
        return papr.messages.store(content=content, role=role, session_id="talk", external_user_id="ana", **more)

    for n in range(20):
        say(f"Point {n} of the plan costs {n * 7} euros.", n, process_messages=n < 10)
    ana = {"external_user_id": "ana"}
    talk = papr.messages.sessions
    page = talk.retrieve_history("talk", limit=3, skip=18, extra_query=ana)
    assert (page.session_id, page.total_count) == ("talk", 20), page
    assert [message.content[:8] for message in page.messages] == ["Point 18", "Point 19"], page
    assert page.summaries.long_term and "Last messages:" in page.context_for_llm, page
    # Whoever names nobody is the developer, and there is one session of that name.
    assert talk.retrieve_history("talk").total_count == 20
    refused(404, lambda: talk.retrieve_history("talk", extra_query={"external_user_id": "ben"}))
    refused(404, lambda: talk.retrieve_history("none"))
    refused(422, lambda: talk.retrieve_history("talk", limit=101))
    named = talk.update("talk", title="The plan", metadata={"colour": "blue"}, extra_query=ana)
    assert named["title"] == "The plan" and named["metadata"] == {"colour": "blue"}, named
    assert talk.retrieve_status("talk", extra_query=ana)["processing_status"]["pending"] == 10
    assert talk.process("talk", extra_query=ana)["messages_queued"] == 10
    assert talk.process("talk", extra_query=ana)["messages_queued"] == 0
    short = talk.compress("talk", extra_query=ana)
    assert (short.session_id, short.from_cache, short.message_count) == ("talk", False, 20), short
    assert "euros" in short.summaries.short_term and short.ai_agent_note and short.summaries.topics, short
    refused(404, lambda: talk.compress("none"))


def feedback(papr):
    memory = added(papr)
    search = papr.memory.search(query="window seats", external_user_id="ana").search_id
    thumb = {"feedback_type": "thumbs_up", "feedback_source": "inline", "feedback_text": "That was it.",
             "cited_memory_ids": [memory],
             "user_message": {"_type": "Pointer", "class_name": "Message", "object_id": "m1"}}
    given = papr.feedback.submit(search_id=search, feedback_data=thumb, external_user_id="ana")
    assert (given.code, given.status) == (200, "success") and given.feedback_id, given
    kept = papr.feedback.get_by_id(given.feedback_id, extra_query={"external_user_id": "ana"})
    assert kept.details["feedbackData"]["feedbackText"] == "That was it.", kept
    refused(404, lambda: papr.feedback.get_by_id(given.feedback_id, extra_query={"external_user_id": "ben"}))
    refused(404, lambda: papr.feedback.submit(search_id=search, feedback_data=thumb, external_user_id="ben"))
    refused(404, lambda: papr.feedback.submit(search_id="unknown", feedback_data=thumb, external_user_id="ana"))
    bad = {**thumb, "feedback_score": 3}
    refused(422, lambda: papr.feedback.submit(search_id=search, feedback_data=bad, external_user_id="ana"))
    items = [{"search_id": search, "feedback_data": thumb, "external_user_id": "ana"},
             {"search_id": "unknown", "feedback_data": thumb}]
    several = papr.feedback.submit_batch(feedback_items=items, session_context={"session": 1})
    assert (several.code, several.successful_count, several.failed_count) == (207, 1, 1), several
    assert len(several.feedback_ids) == 1 and several.errors[0]["index"] == 1, several


def unbuilt(papr):
    refused(501, lambda: papr.sync.get_tiers())
    refused(501, lambda: papr.namespace.create_api_key("ns_1", name="k"))
    refused(501, lambda: papr.memory.search(query="x", holographic_config={"enabled": True}))


if __name__ == "__main__":
    globals()[sys.argv[2]](*(client(address) for address in [sys.argv[1], *sys.argv[3:]]))
