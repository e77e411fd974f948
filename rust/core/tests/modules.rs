//! The modules of this crate import one way: no module needs another that needs it in turn.
//!
//! A module and the one it lies in may use each other: `mod.rs` is the front of its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Sources by module path, such as `marker::code`; the crate's root is the empty path.
fn sources(folder: &Path, module: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let child =
            |name: &str| if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        match name.as_str() {
            "mod.rs" | "lib.rs" => drop(found.insert(module.to_owned(), fs::read_to_string(path).unwrap())),
            name if path.is_dir() => sources(&path, &child(name), found),
            name => {
                let module = child(name.strip_suffix(".rs").unwrap());
                found.insert(module, fs::read_to_string(path).unwrap());
            }
        }
    }
}

/// Code without comments and without the tests at its end.
fn code(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Every path of a tree such as `a::{b, c::{self, d}}`.
fn flatten(tree: &str, before: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return paths.push(format!("{before}{tree}"));
    };
    let before = format!("{before}{}", tree[..open].trim());
    let (mut depth, mut start) = (0, open + 1);
    for (at, character) in tree.char_indices().skip_while(|(at, _)| *at <= open) {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                flatten(&tree[start..at], &before, paths);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Paths that `code` of `module` names and that start at a module: in `use`, or in full where they are used.
fn paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = ["use ", "crate::", "super::"].iter().filter_map(|word| rest.find(word)).min() {
        let (from, used) = match rest[at..].strip_prefix("use ") {
            Some(used) => (used, used.split(';').next().unwrap()),
            None => (
                &rest[at..],
                rest[at..].split(|c: char| c != ':' && c != '_' && !c.is_alphanumeric()).next().unwrap(),
            ),
        };
        flatten(used, "", &mut paths);
        rest = &from[used.len()..];
    }
    paths
}

/// The module that `path`, named in `module`, belongs to; `None` for other crates.
fn resolve(path: &str, module: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut at: Vec<&str> = module.split("::").filter(|name| !name.is_empty()).collect();
    let mut names = path.split("::").map(str::trim).peekable();
    if names.next_if_eq(&"crate").is_some() {
        at.clear();
    } else if names.next_if_eq(&"self").is_none() {
        let supers = std::iter::from_fn(|| names.next_if_eq(&"super")).count();
        at.truncate(at.len() - supers);
        let child = names.peek().map(|name| [at.as_slice(), &[*name]].concat().join("::"));
        if supers == 0 && !child.is_some_and(|child| modules.contains_key(&child)) {
            return None;
        }
    }
    for name in names {
        at.push(name);
        if !modules.contains_key(&at.join("::")) {
            at.pop();
            break;
        }
    }
    Some(at.join("::"))
}

fn imports(modules: &BTreeMap<String, String>) -> Imports {
    let within = |inner: &str, outer: &str| outer.is_empty() || inner.starts_with(&format!("{outer}::"));
    let mut imports = Imports::new();
    for (module, source) in modules {
        for path in paths(&code(source)) {
            if let Some(used) = resolve(&path, module, modules)
                && used != *module
                && !within(module, &used)
                && !within(&used, module)
            {
                imports.entry(module.clone()).or_default().insert(used);
            }
        }
    }
    imports
}

/// A chain of imports that ends where it began.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit(module: &str, imports: &Imports, chain: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if let Some(at) = chain.iter().position(|name| name == module) {
            chain.drain(..at);
            chain.push(module.to_owned());
            return true;
        }
        if !done.insert(module.to_owned()) {
            return false;
        }
        chain.push(module.to_owned());
        if imports.get(module).is_some_and(|used| used.iter().any(|used| visit(used, imports, chain, done))) {
            return true;
        }
        chain.pop();
        false
    }
    let (mut chain, mut done) = (Vec::new(), BTreeSet::new());
    imports.keys().any(|module| visit(module, imports, &mut chain, &mut done)).then_some(chain)
}

fn modules(sources: &[(&str, &str)]) -> BTreeMap<String, String> {
    sources.iter().map(|(module, source)| ((*module).to_owned(), (*source).to_owned())).collect()
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn modules_import_one_way() {
    let mut modules = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut modules);
    let imports = imports(&modules);
    assert!(imports["frame"].contains("plane"), "it finds no imports: {imports:?}");
    assert_eq!(circle(&imports), None);
}

#[test]
fn circles_are_found() {
    let found = |sources: &[(&str, &str)]| circle(&imports(&modules(sources)));
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(
        found(&[
            ("a", "use crate::{b::{self, B}, std};"),
            ("b", "pub fn f() -> crate::c::C {}"),
            ("c", "use super::a;")
        ]),
        names(&["a", "b", "c", "a"])
    );
    assert_eq!(
        found(&[("x", ""), ("x::a", "use super::b::{self};"), ("x::b", "use crate::x::a::A;")]),
        names(&["x::a", "x::b", "x::a"])
    );
    assert_eq!(found(&[("x", "pub use a::A;\nmod a;"), ("x::a", "use super::Levels;\nuse std::fmt;")]), None);
    assert_eq!(
        found(&[
            ("a", "use crate::b;"),
            ("b", "// use crate::a;\n#[cfg(test)]\nmod tests { use crate::a; }")
        ]),
        None
    );
}
