//! A purpose in free text finds its class, or none.

use memoryscope_domain::purpose::{Purpose, SCOPED_CLASSES, SCOPED_KEYWORDS, classify};

#[track_caller]
fn check(text: &str, expect: &str) {
    assert_eq!(classify(text).map_or("denied", Purpose::name), expect, "{text:?}");
}

#[test]
fn the_first_group_with_a_keyword_wins() {
    check("generate personalised content", "content_generation");
    check("Write a schedule", "content_generation");
    check("suggest a time", "recommendation");
    check("plan my calendar and run it", "scheduling");
    check("schedule", "scheduling");
    check("rescheduling? no: reschedule", "denied");
    check("render the sidebar", "ui_rendering");
    check("UI", "ui_rendering");
    check("showcase", "ui_rendering");
    check("notify about the task", "notification_delivery");
    check("alerting", "notification_delivery");
    check("run errands", "task_execution");
    check("ACTION items", "task_execution");
}

#[test]
fn keywords_match_at_the_start_of_a_word_only() {
    check("build a guide", "denied");
    check("build a guide for the UI", "ui_rendering");
    check("sometimes", "denied");
    check("lifetime", "denied");
    check("4ui", "denied");
    check("re-create", "content_generation");
    check("(create)", "content_generation");
    check("do_run", "task_execution");
    check("transaction", "denied");
    check("prune, then run", "task_execution");
}

#[test]
fn other_scripts_and_nothing_at_all() {
    check("", "denied");
    check(" \t\n", "denied");
    check("éui", "denied");
    check("日ui", "denied");
    check("٣ui", "denied");
    check("🙂ui", "ui_rendering");
    check("¿ui?", "ui_rendering");
    check("записать", "denied");
    // The Kelvin sign is a k in lower case.
    check("TAS\u{212a}", "task_execution");
    check("İ create", "content_generation");
    check(&"x".repeat(100_000), "denied");
}

#[test]
fn a_class_is_its_own_text_and_the_table_is_in_order() {
    for purpose in SCOPED_CLASSES {
        check(purpose.name(), purpose.name());
    }
    assert_eq!(SCOPED_KEYWORDS.map(|(purpose, _)| purpose), SCOPED_CLASSES);
    for (purpose, keywords) in SCOPED_KEYWORDS {
        for keyword in keywords {
            check(keyword, purpose.name());
        }
    }
}
