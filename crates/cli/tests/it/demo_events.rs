//! The demo's second story, in a browser: what happened, what follows from it, and how it is taken back.

use serde_json::json;

use crate::browser::{Browser, ENTER, TAB};
use crate::demo::{all, demo, outcome, trail};

/// The steps of the second story: an event, a sensitive one, what may be seen, the context, and why; the first event taken back,
/// what is left of it, and the context explained and made again.
const EVENT_STEPS: std::ops::RangeInclusive<usize> = 8..=15;

#[test]
fn what_follows_from_events_by_keyboard() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    let mut told = Vec::new();
    for number in EVENT_STEPS {
        browser.tab_to(&format!("go{number}"));
        browser.press(&ENTER.to_string());
        told.push(outcome(&mut browser, number));
        if number < *EVENT_STEPS.end() {
            browser.tab_to(&format!("next{number}"));
            browser.press(&ENTER.to_string());
            browser.until(&format!("document.activeElement.id === 'go{}'", number + 1));
            // One back, so that the way with the Tab key leads here.
            browser.js("document.activeElement.closest('.step').querySelector('h2 button').focus()");
        }
    }
    for (number, words) in [
        (8, "an impact, which holds constraints, and a seed, which brings the context back."),
        (9, "Sealed when it was stored"),
        (9, "Trauma, shame and moral injury are sealed when they are stored."),
        (9, "Rules that matched: seal_sensitive_events."),
        (10, "1 event may be seen"),
        (10, "The sealed event is not among them"),
        (10, "safety: trauma informed"),
        (10, "avoid: peanuts"),
        (11, "- They must not be given: peanuts."),
        (11, "- maria, lisbon, ramen"),
        (12, "4 decisions, and why"),
        (12, "derive impacts: yes, by seal_sensitive_events"),
        (12, "include in prompt: yes, by impacts_and_seeds_for_conversation"),
        (13, "It is sealed, and 2 followed"),
        (13, "its impact, which held constraints mem_"),
        (13, "its seed, which brought the context back mem_"),
        (13, "The event may be acted on."),
        (13, "Nothing is done on it: not_available"),
        (13, "Sealed, and what followed from it with it: 3 memories in all."),
        (14, "No events may be seen"),
        (14, "- Take care (trauma informed)"),
        (15, "Made again, it comes out the same"),
        (15, "of what was returned, 1 may be seen now."),
        (15, "allow read yes, by impacts_and_seeds_for_conversation"),
        (15, "Of the other 2 that it was made of nothing is shown"),
        (15, "The text of the context is not shown either"),
    ] {
        let said = &told[number - EVENT_STEPS.start()];
        assert!(said.contains(words), "step {number} does not say {words:?}: {said}");
    }
    // What is sealed is in no answer, nor in what is put together.
    for said in &told[2..4] {
        assert!(!said.contains("brakes"), "{said}");
    }
    assert!(!told[3].contains("We had"), "{}", told[3]);
    what_was_taken_back(&mut browser, &told);
    // Whose it is may see it.
    browser.js("document.getElementById('reason').value = 'subject_access'");
    browser.js("open(10, true); document.getElementById('go10').click()");
    browser.until("!busy && document.querySelector('#out10').innerText.includes('brakes')");
    assert!(browser.shown("#out10").contains("The sealed event is among them"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The tool's gate was open and is closed; what followed from the event is in no answer any more, nor in what is made again.
#[track_caller]
fn what_was_taken_back(browser: &mut Browser, told: &[String]) {
    let gates = "[...document.querySelectorAll('#out13 .pass .code')].map((it) => it.textContent)";
    assert_eq!(browser.text(gates), "200,open,closed");
    let gone = browser.js("return [...document.querySelectorAll('#gone li')].map((it) => it.textContent)");
    let expected =
        ["They must not be given: peanuts.", "Write in this form: brief.", "maria, lisbon, ramen, allergic"];
    assert_eq!(gone, json!(expected));
    let now = browser.shown("#out14 pre");
    assert_eq!(browser.text("document.querySelectorAll('#decisions li').length"), "1");
    for hidden in ["peanuts", "brief", "lisbon", "Lisbon", "ramen"] {
        assert!(!now.contains(hidden), "{now}");
        assert!(!told[7].contains(hidden), "{}", told[7]);
    }
    let answers =
        browser.text("[...steps.get(15).after.querySelectorAll('pre')].map((it) => it.textContent).join()");
    let sealed = browser.text("[S.first.id, ...S.first.derived.map(({ id }) => id)].join()");
    assert_eq!(sealed.split(',').count(), 3);
    for id in sealed.split(',') {
        assert!(!answers.contains(id), "{id} is in {answers}");
    }
}

#[test]
fn what_was_not_stored_is_not_taken_back() {
    let Some((_folder, server, mut browser)) = all(false) else { return };
    browser.open(&demo(&server));
    for (number, words) in [
        (13, "Step 1 of this story stores the event"),
        (15, "Step 4 of this story puts the context together"),
    ] {
        browser.click(&format!("#head{number}"));
        browser.click(&format!("#go{number}"));
        let told = outcome(&mut browser, number);
        assert!(told.contains("There is nothing to go by yet") && told.contains(words), "{told}");
    }
    // Asked without the first steps there is nothing to compare with; a tool without a name is named.
    browser.click("#head14");
    browser.click("#go14");
    assert!(outcome(&mut browser, 14).contains("Step 4 has something to compare it with."));
    browser.click("#go8");
    outcome(&mut browser, 8);
    // What all may be seen of is shown as it was.
    browser.js("open(11, true); document.getElementById('go11').click()");
    let context = outcome(&mut browser, 11);
    browser.click("#go15");
    browser.until("!busy && document.querySelector('#decisions li')");
    let again = browser.shown("#out15 pre");
    assert!(again.contains("peanuts") && context.contains(&again), "{again}");
    assert!(!browser.shown("#out15").contains("nothing is shown"));
    browser.js("document.getElementById('head13').focus()");
    browser.tab_to("tool");
    browser.write("");
    browser.press(&ENTER.to_string());
    browser.until("!busy && document.getElementById('tool').ariaInvalid === 'true'");
    assert!(browser.shown("#out13").contains("body.tool"));
    // Nothing was sealed; whoever takes it back twice is told so, and of another person there is nothing to take.
    browser.write("book_taxi");
    for title in ["It is sealed, and 2 followed", "It is sealed already"] {
        browser.click("#go13");
        browser.until(&format!("!busy && document.querySelector('#out13 h3')?.textContent === '{title}'"));
    }
    let gates = "[...document.querySelectorAll('#out13 .pass .code')].map((it) => it.textContent)";
    assert_eq!(browser.text(gates), "200,closed,closed");
    browser.click("#head1");
    browser.click("#again");
    browser.click("#head13");
    browser.click("#go13");
    assert!(outcome(&mut browser, 13).contains("There is nothing to go by yet"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_second_story_is_played_and_stands_in_the_trail() {
    let Some((_folder, server, mut browser)) = all(true) else { return };
    browser.open(&format!("file://{}", crate::root().join("demo/index.html").display()));
    browser.tab_to("server");
    browser.write(&format!("http://{}/", server.address));
    browser.press(&TAB.to_string());
    browser.until("document.querySelector('.dot.up')");
    browser.click("#play-events");
    browser.until("!busy && document.querySelector('#decisions li')");
    let marks = browser
        .js("return [...document.querySelectorAll('#events .step .mark')].map((it) => it.textContent)");
    assert_eq!(marks, json!(["201 ✓", "201 ✓", "200 ✓", "200 ✓", "200 ✓", "200 ✓", "200 ✓", "200 ✓"]));
    browser.click("#head7");
    browser.click("#go7");
    browser.until("!busy && document.querySelector('.chain li')");
    let expected = [
        "write events allowed true",
        "write events allowed true",
        "chat response events allowed true",
        "chat response events allowed true",
        "a tool events allowed true",
        "seal events allowed true",
        "a tool events closed true",
        "chat response events allowed true",
        "chat response events allowed true",
        "explain events allowed true",
        "replay events allowed true",
    ];
    assert_eq!(trail(&mut browser), json!(expected));
    let told = browser.shown(".chain");
    for words in [
        "The tool’s gate was open, on 1 memory as evidence.",
        "Sealed, and what followed from it with it: 3 memories in all.",
        "The tool’s gate was closed.",
        "An earlier decision was explained; 1 memory of it may be seen now.",
        "An earlier decision was made again; 1 memory of it may be seen now.",
    ] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
    browser.js("for (const number of steps.keys()) open(number, true); \
         for (const it of document.querySelectorAll('#events details')) it.open = true");
    for scheme in ["light", "dark"] {
        for width in [1280, 390] {
            browser.look(width, scheme);
            browser.is_readable();
        }
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
