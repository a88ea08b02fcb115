//! Bad queries: each is told with what is wrong and what is allowed.

use super::world::{id, pairs};
use crate::inventory::{Query, QueryError, SearchQuery, SummaryQuery, common_fields};
use crate::model::{Kind, Object};

fn check(text: &[(&str, &str)], expected: impl Fn(&QueryError) -> bool) {
    let error = Query::parse(Kind::Vm, &pairs(text)).expect_err("it must be refused");
    assert!(expected(&error), "{text:?}: {error:?}");
    // What is told never repeats more than a bit of what was given.
    assert!(error.to_string().len() < 300, "{error}");
}

#[test]
fn an_unknown_field_is_told_with_all_that_there_are() {
    let all = common_fields().len() + Object::fields(Kind::Vm).len();
    for name in ["colour", "", "name ", "Name", "group_by", "colour.ne", &"x".repeat(5000)] {
        check(
            &[(name, "x")],
            |error| matches!(error, QueryError::UnknownField { allowed, .. } if allowed.len() == all),
        );
    }
}

#[test]
fn an_operator_that_the_type_does_not_have_is_told_with_those_it_has() {
    let cases: &[(&str, &[&str])] = &[
        ("name.gt", &["ne", "contains", "prefix", "exists"]),
        ("name.", &["ne", "contains", "prefix", "exists"]),
        ("memory_mib.contains", &["ne", "gt", "gte", "lt", "lte", "exists"]),
        ("booted_at.prefix", &["ne", "gt", "gte", "lt", "lte", "exists"]),
        ("power_state.gt", &["ne", "exists"]),
        ("host_id.prefix", &["ne", "exists"]),
        ("name.ne.ne", &["ne", "contains", "prefix", "exists"]),
    ];
    for (name, operators) in cases {
        check(
            &[(name, "1")],
            |error| matches!(error, QueryError::UnknownOperator { allowed, .. } if allowed == operators),
        );
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_with_what_would() {
    let words = ["running", "stopped", "suspended", "paused", "crashed", "unknown"];
    check(
        &[("power_state", "on")],
        |error| matches!(error, QueryError::InvalidValue { field: "power_state", allowed, .. } if *allowed == words),
    );
    check(
        &[("sync", "live,dead")],
        |error| matches!(error, QueryError::InvalidValue { field: "sync", value, .. } if value == "dead"),
    );
    for (name, value) in [
        ("memory_mib", "many"),
        ("memory_mib.gt", "1.5"),
        ("memory_mib.gt", "99999999999999999999"),
        ("memory_mib", "1,,2"),
        ("persistent", "yes"),
        ("guest_os.exists", "1"),
        ("host_id", "host-1"),
        ("id", ""),
        ("tag_ids", "x"),
        ("booted_at.gt", "yesterday"),
        ("min_revision", "-1"),
    ] {
        check(&[(name, value)], |error| matches!(error, QueryError::InvalidValue { .. }));
    }
}

#[test]
fn absurd_sizes_are_refused() {
    for limit in ["0", "1001", "-1", "ten", "", "18446744073709551616"] {
        check(&[("limit", limit)], |error| matches!(error, QueryError::InvalidLimit { min: 1, max: 1000, .. }));
    }
    let many = vec![("name", "x"); 33];
    check(&many, |error| matches!(error, QueryError::TooMany { max: 32, .. }));
    check(&[("name", &vec!["x"; 257].join(","))], |error| matches!(error, QueryError::TooMany { max: 256, .. }));
    check(&[("name", &"x".repeat(1025))], |error| matches!(error, QueryError::TooMany { max: 1024, .. }));
    check(&[("name.contains", &"x".repeat(1025))], |error| matches!(error, QueryError::TooMany { max: 1024, .. }));
    check(&[("q", &"x".repeat(257))], |error| {
        matches!(error, QueryError::TooMany { field: "q", what: "bytes", max: 256 })
    });
    check(&[("q", &["x"; 9].join(" "))], |error| matches!(error, QueryError::TooMany { max: 8, .. }));
    check(&[("sort", "name,memory_mib,guest_os,uuid,firmware")], |error| {
        matches!(error, QueryError::TooMany { max: 4, .. })
    });
}

#[test]
fn an_order_by_several_values_at_once_or_by_nothing_is_refused() {
    for sort in ["tag_ids", "colour", "", "-", "name,", "name desc"] {
        check(&[("sort", sort)], |error| {
            matches!(error, QueryError::InvalidSort { allowed, .. }
                if allowed.contains(&"memory_mib") && !allowed.contains(&"tag_ids"))
        });
    }
    check(&[("sort", "name"), ("sort", "id")], |error| matches!(error, QueryError::Repeated { parameter: "sort" }));
    check(&[("q", "a"), ("q", "b")], |error| matches!(error, QueryError::Repeated { parameter: "q" }));
}

#[test]
fn summaries_counts_and_searches_take_only_what_they_can_use() {
    let summary = |text: &[(&str, &str)]| SummaryQuery::parse(Kind::Vm, &pairs(text)).err();
    assert!(summary(&[("group_by", "power_state"), ("sum", "memory_mib"), ("name.prefix", "a")]).is_none());
    for text in [&[("group_by", "tag_ids")], &[("sum", "name")], &[("sum", "colour")]] {
        assert!(matches!(summary(text), Some(QueryError::InvalidGroup { .. })), "{text:?}");
    }
    assert!(matches!(summary(&[("sort", "name")]), Some(QueryError::UnknownField { .. })));
    let five = "power_state,condition,host_id,zone_id,cluster_id";
    assert!(matches!(summary(&[("group_by", five)]), Some(QueryError::TooMany { max: 4, .. })));

    let count = Query::parse_count(Kind::Vm, &pairs(&[("limit", "1")])).err();
    assert!(matches!(count, Some(QueryError::UnknownField { .. })));

    let search = |text: &[(&str, &str)]| SearchQuery::parse(&pairs(text)).err();
    assert_eq!(search(&[]), Some(QueryError::Missing { parameter: "q" }));
    assert_eq!(search(&[("q", "  ")]), Some(QueryError::Missing { parameter: "q" }));
    assert!(matches!(search(&[("q", "a"), ("types", "vm,car")]), Some(QueryError::InvalidValue { .. })));
    assert!(matches!(search(&[("q", "a"), ("sort", "name")]), Some(QueryError::UnknownField { .. })));
}

#[test]
fn a_comma_in_a_value_can_be_written() {
    use super::world::{Whose, everything, inventory, names, put, vm};
    let inventory = inventory(crate::inventory::InventoryConfig::default());
    for (number, name) in ["a,b", "a", "b", "a\\"].iter().enumerate() {
        let object_id = crate::model::ObjectId(id(number as u128));
        inventory.apply(&[put(number as u64 + 1, object_id, Whose::default(), vm(name))]).unwrap();
    }
    let list = |value: &str| names(&inventory, &everything(), &[("name", value)]);
    assert_eq!(list("a,b"), ["a", "b"]);
    assert_eq!(list("a\\,b"), ["a,b"]);
    assert_eq!(list("a\\\\"), ["a\\"]);
}
