//! The page of the states is the one that the table draws.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use opencity_applications::domain::draw::states_page;

#[test]
fn the_page_of_the_states_is_what_the_table_draws() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/states.md");
    let drawn = states_page();
    if std::env::var_os("OPENCITY_DRAW").is_some() {
        std::fs::write(path, &drawn).expect("docs/ is there");
    }
    let page = std::fs::read_to_string(path).expect("docs/states.md is there");
    assert!(
        page == drawn,
        "docs/states.md is out of date: run this test with OPENCITY_DRAW=1"
    );
}
