//! A file of options to a command line: what the command line does not say is taken from the file.
//!
//! No file is read that `--config` does not name, so that a run is what its command line says.

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use unbait::error::{Error, Result};

/// Name of the option.
const CONFIG: &str = "config";

const HELP: &str = "Take the options that are not given from this TOML file";

const LONG_HELP: &str = "\
Take the options that are not given from this TOML file: priority = \"recall\", threshold = [\"promo=0.8\"], strict = true. Keys are \
the options' names without dashes, at the top for all verbs that have them, or in a table of one verb, such as [score]; inputs are at \
paths, data or page. A flag that is on there cannot be turned off on the command line. Without --config no file is read";

/// The option that names the file, for all verbs.
pub fn argument() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .global(true)
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help(HELP)
        .long_help(LONG_HELP)
}

/// A command line with the options of its file.
#[derive(Debug, PartialEq)]
pub struct CommandLine {
    /// The program, the verb and all that it is given; without `--config`, as nothing of the file is missing.
    pub arguments: Vec<OsString>,
    /// The file, and those of the arguments that are from it.
    pub file: Option<(PathBuf, Vec<OsString>)>,
}

/// Puts the options of the file that `--config` names into the command line, which wins over the file, as a table of the verb does over
/// the keys at the top of the file. An option that is given drops those that it conflicts with, too. A command line that is wrong by
/// itself comes back as it is.
///
/// # Errors
/// [`Error::Read`] and [`Error::Config`].
pub fn command_line(command: &Command, arguments: Vec<OsString>) -> Result<CommandLine> {
    let lenient = without_rules(command.clone());
    let found = lenient.clone().try_get_matches_from(&arguments).ok();
    let named = found.as_ref().and_then(|matches| {
        let (verb, given) = matches.subcommand()?;
        Some((
            command.find_subcommand(verb)?,
            given,
            given.get_one::<PathBuf>(CONFIG)?.clone(),
        ))
    });
    let Some((verb, given, path)) = named else {
        return Ok(CommandLine { arguments, file: None });
    };
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let file = ConfigFile {
        path: &path,
        text: &text,
        command: &lenient,
    };
    let levels = file.levels(verb.get_name())?;
    let (options, inputs) = missing(verb, given, levels);
    let from_file = options.iter().chain(&inputs).cloned().collect();
    Ok(CommandLine {
        arguments: put_in(arguments, verb.get_name(), options, inputs),
        file: Some((path, from_file)),
    })
}

/// The command with what may be given, and without what has to be and what goes together.
fn without_rules(command: Command) -> Command {
    let without = |arg: Arg| {
        arg.required(false)
            .requires(Resettable::Reset)
            .required_unless_present(Resettable::Reset)
            .conflicts_with(Resettable::Reset)
    };
    command.mut_subcommands(|verb| verb.mut_args(without))
}

/// The arguments with those of the file: options behind the verb, inputs at the end; without `--config`.
fn put_in(arguments: Vec<OsString>, verb: &str, options: Vec<OsString>, inputs: Vec<OsString>) -> Vec<OsString> {
    let mut all = Vec::new();
    let mut rest = arguments.into_iter();
    let mut options = Some(options);
    let mut is_behind_dashes = false;
    while let Some(argument) = rest.next() {
        if !is_behind_dashes && argument == "--config" {
            rest.next();
            continue;
        }
        if !is_behind_dashes && argument.to_string_lossy().starts_with("--config=") {
            continue;
        }
        is_behind_dashes |= argument == "--";
        let is_verb = !all.is_empty() && argument == verb;
        all.push(argument);
        if is_verb {
            all.extend(options.take().unwrap_or_default());
        }
    }
    if !inputs.is_empty() && !is_behind_dashes {
        all.push("--".into());
    }
    all.extend(inputs);
    all
}

/// What the file has for the verb.
struct Entry {
    id: String,
    is_input: bool,
    /// As they stand on a command line; none for a flag that is off.
    arguments: Vec<OsString>,
}

/// Of the levels, the strongest first, the options and the inputs that no stronger one gives or conflicts with.
fn missing(verb: &Command, given: &ArgMatches, levels: [Vec<Entry>; 2]) -> (Vec<OsString>, Vec<OsString>) {
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let ids = verb.get_arguments().map(|arg| arg.get_id().as_str());
    let mut decided: BTreeSet<String> = ids.filter(|id| is_given(id)).map(str::to_owned).collect();
    let mut active = decided.clone();
    let (mut options, mut inputs) = (Vec::new(), Vec::new());
    for level in levels {
        let (was_decided, was_active) = (decided.clone(), active.clone());
        for entry in level {
            if was_decided.contains(&entry.id) || was_active.iter().any(|id| conflict(verb, id, &entry.id)) {
                continue;
            }
            if !entry.arguments.is_empty() {
                active.insert(entry.id.clone());
            }
            decided.insert(entry.id);
            if entry.is_input { &mut inputs } else { &mut options }.extend(entry.arguments);
        }
    }
    (options, inputs)
}

fn conflict(verb: &Command, a: &str, b: &str) -> bool {
    let excludes = |a: &str, b: &str| {
        let arg = verb.get_arguments().find(|arg| arg.get_id() == a);
        arg.is_some_and(|arg| verb.get_arg_conflicts_with(arg).iter().any(|other| other.get_id() == b))
    };
    excludes(a, b) || excludes(b, a)
}

/// The key of an option in the file: its long name, or what inputs are called.
fn key(arg: &Arg) -> &str {
    arg.get_long().unwrap_or(arg.get_id().as_str())
}

/// A file of options, as it stands.
struct ConfigFile<'a> {
    path: &'a Path,
    text: &'a str,
    /// All verbs, without rules.
    command: &'a Command,
}

impl ConfigFile<'_> {
    /// The entries of the verb's table, and those at the top. All of the file is checked, but for values at the top that the verb
    /// has no option for.
    fn levels(&self, verb: &str) -> Result<[Vec<Entry>; 2]> {
        let parsed = DeTable::parse(self.text)
            .map_err(|error| self.error(error.span().unwrap_or_default(), error.message().to_owned()))?;
        let (mut of_verb, mut of_all) = (Vec::new(), Vec::new());
        for (name, value) in in_order(parsed.get_ref()) {
            let at = name.span();
            let name: &str = name.get_ref();
            match (self.command.find_subcommand(name), value.get_ref()) {
                (Some(table_of), DeValue::Table(table)) => {
                    for (option, value) in in_order(table) {
                        let entry = self.entry(table_of, option.get_ref(), option.span(), value.get_ref())?;
                        if name == verb {
                            of_verb.push(entry);
                        }
                    }
                }
                (Some(_), _) => return Err(self.error(at, format!("{name} is a verb; wanted a table, [{name}]"))),
                (None, DeValue::Table(_)) => {
                    let verbs = self.command.get_subcommands().map(Command::get_name);
                    return Err(self.error(at, format!("{name} is no verb{}", nearest(name, verbs))));
                }
                (None, value) => match self.command.find_subcommand(verb).filter(|verb| has(verb, name)) {
                    Some(verb) => of_all.push(self.entry(verb, name, at, value)?),
                    None if self.command.get_subcommands().any(|verb| has(verb, name)) => {}
                    None => {
                        let keys = self.command.get_subcommands().flat_map(Command::get_arguments).map(key);
                        return Err(self.error(at, format!("no verb has an option {name}{}", nearest(name, keys))));
                    }
                },
            }
        }
        Ok([of_verb, of_all])
    }

    fn entry(&self, verb: &Command, name: &str, at: Range<usize>, value: &DeValue<'_>) -> Result<Entry> {
        let Some(arg) = verb.get_arguments().find(|arg| key(arg) == name) else {
            let keys = verb.get_arguments().map(key);
            let verb = verb.get_name();
            return Err(self.error(at, format!("{verb} has no option {name}{}", nearest(name, keys))));
        };
        let entry = values(arg, value).and_then(|values| {
            let entry = Entry::new(arg, values);
            check(verb, &entry).map(|()| entry)
        });
        entry.map_err(|problem| self.error(at, format!("{name}: {problem}")))
    }

    fn error(&self, at: Range<usize>, problem: String) -> Error {
        let before = self.text.get(..at.start).unwrap_or_default();
        Error::Config {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            problem,
        }
    }
}

/// Keys and values as they stand in the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<'i>, &'t toml::Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

type Spanned<'i> = toml::Spanned<toml::de::DeString<'i>>;

fn has(verb: &Command, name: &str) -> bool {
    verb.get_arguments().any(|arg| key(arg) == name)
}

/// What to do about a name that there is not.
fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let mut near: Vec<(f64, &str)> = names.map(|known| (strsim::jaro(name, known), known)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    match near.first() {
        Some((likeness, known)) if *likeness >= LEAST_LIKENESS => format!("; did you mean {known}?"),
        Some(_) | None => "; see unbait help, or unbait help VERB".to_owned(),
    }
}

/// Likeness by Jaro from which a name may be meant by another, 0 to 1 (chosen: a swapped, missing or other letter keeps more).
const LEAST_LIKENESS: f64 = 0.8;

/// A value of the file as values of an option: `None` for a flag that is off, nothing for one that is on.
fn values(arg: &Arg, value: &DeValue<'_>) -> Result<Option<Vec<String>>, String> {
    let takes_values = arg.get_action().takes_values();
    let takes_many = matches!(arg.get_action(), ArgAction::Append);
    match value {
        DeValue::Boolean(is_on) if !takes_values => Ok(is_on.then(Vec::new)),
        _ if !takes_values => Err(format!("{}; wanted true or false", kind_of(value))),
        DeValue::Array(many) if takes_many => many
            .iter()
            .map(|value| scalar(value.get_ref(), true))
            .collect::<Result<_, _>>()
            .map(Some),
        value => Ok(Some(vec![scalar(value, takes_many)?])),
    }
}

fn scalar(value: &DeValue<'_>, takes_many: bool) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|error| format!("{number}: {error}")),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            let wanted = if takes_many {
                "wanted texts or numbers"
            } else {
                "wanted a text or a number"
            };
            Err(format!("{}; {wanted}", kind_of(value)))
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "found a text",
        DeValue::Integer(_) | DeValue::Float(_) => "found a number",
        DeValue::Boolean(_) => "found true or false",
        DeValue::Datetime(_) => "found a date or time",
        DeValue::Array(_) => "found a list",
        DeValue::Table(_) => "found a table",
    }
}

impl Entry {
    fn new(arg: &Arg, values: Option<Vec<String>>) -> Self {
        let arguments = match (values, arg.get_long()) {
            (None, _) => Vec::new(),
            (Some(values), None) => values.into_iter().map(OsString::from).collect(),
            (Some(values), Some(long)) if arg.get_action().takes_values() => values
                .into_iter()
                .map(|value| format!("--{long}={value}").into())
                .collect(),
            (Some(_), Some(long)) => vec![format!("--{long}").into()],
        };
        Self {
            id: arg.get_id().to_string(),
            is_input: arg.is_positional(),
            arguments,
        }
    }
}

/// Whether the verb, without rules, takes the values.
fn check(verb: &Command, entry: &Entry) -> Result<(), String> {
    let mut arguments = vec![OsString::from(verb.get_name())];
    arguments.extend(entry.is_input.then(|| "--".into()));
    arguments.extend(entry.arguments.iter().cloned());
    let Err(error) = verb.clone().try_get_matches_from(arguments) else {
        return Ok(());
    };
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        Some(_) | None => None,
    };
    Err(match (error.kind(), text(ContextKind::InvalidValue)) {
        (ErrorKind::InvalidValue, Some(found)) => {
            let wanted = text(ContextKind::ValidValue).filter(|names| !names.is_empty());
            format!(
                "found {found:?}; wanted {}",
                wanted.unwrap_or_else(|| "a value".to_owned())
            )
        }
        (_, Some(found)) => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            format!("{found:?} cannot be taken{}", cause.unwrap_or_default())
        }
        (_, None) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line that a file and arguments come to, or the message without the file's name.
    fn with_file(text: &str, arguments: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unbait.toml");
        std::fs::write(&path, text).unwrap();
        let mut all: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        all.extend(["--config".into(), path.clone().into_os_string()]);
        let line = command_line(&crate::command(), all)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "unbait.toml"))?;
        let arguments: Vec<_> = line
            .arguments
            .iter()
            .map(|argument| argument.to_string_lossy())
            .collect();
        Ok(arguments.join(" "))
    }

    fn problem(text: &str) -> String {
        with_file(text, "unbait score").unwrap_err()
    }

    #[test]
    fn without_the_option_a_command_line_stays_as_it_is() {
        let arguments: Vec<OsString> = ["unbait", "score", "--", "--config"].map(OsString::from).to_vec();
        let line = command_line(&crate::command(), arguments.clone()).unwrap();
        assert_eq!(line, CommandLine { arguments, file: None });
    }

    #[test]
    fn options_of_the_file_stand_behind_the_verb_and_the_option_itself_is_gone() {
        let text = "priority = 'recall'\nthreads = 2\nstrict = true\n";
        let wanted = "unbait score --priority=recall --threads=2 --strict page.html";
        assert_eq!(with_file(text, "unbait score page.html").unwrap(), wanted);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "threads = 2").unwrap();
        let option = format!("--config={}", path.display());
        for arguments in [["unbait", &option, "score", "x"], ["unbait", "score", "x", &option]] {
            let line = command_line(&crate::command(), arguments.map(OsString::from).to_vec()).unwrap();
            assert_eq!(line.arguments, ["unbait", "score", "--threads=2", "x"]);
            assert_eq!(line.file, Some((path.clone(), vec!["--threads=2".into()])));
        }
    }

    #[test]
    fn the_command_line_wins_over_the_verbs_table_and_this_over_the_top() {
        let text = "threads = 2\nsplit = 'line'\ntext-key = 'body'\n[score]\nthreads = 3\nsplit = 'blank'\n";
        let wanted = "unbait score --threads=3 --text-key=body --split auto";
        assert_eq!(with_file(text, "unbait score --split auto").unwrap(), wanted);
        let wanted = "unbait clean --threads=2 --split=line --text-key=body";
        assert_eq!(with_file(text, "unbait clean").unwrap(), wanted);
    }

    #[test]
    fn an_option_drops_what_it_conflicts_with_of_weaker_levels() {
        for (text, arguments, wanted) in [
            (
                "priority = 'recall'",
                "unbait score --max-body-loss 1%",
                "unbait score --max-body-loss 1%",
            ),
            (
                "max-body-loss = '1%'",
                "unbait score --priority recall",
                "unbait score --priority recall",
            ),
            (
                "priority = 'recall'\n[score]\nmax-body-loss = '1%'",
                "unbait score",
                "unbait score --max-body-loss=1%",
            ),
            // of the same level both are kept, for the conflict to be seen
            (
                "priority = 'recall'\nmax-body-loss = '1%'",
                "unbait score",
                "unbait score --priority=recall --max-body-loss=1%",
            ),
        ] {
            assert_eq!(with_file(text, arguments).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn a_list_is_given_once_for_each_value_and_as_a_whole_or_not_at_all() {
        let text = "threshold = ['promo=0.8', 'caption=0.5']\nlabels = ['body', 'promo']\nglob = '*.txt'";
        let wanted =
            "unbait score --threshold=promo=0.8 --threshold=caption=0.5 --labels=body --labels=promo --glob=*.txt";
        assert_eq!(with_file(text, "unbait score").unwrap(), wanted);
        let wanted = "unbait score --labels=body --labels=promo --glob=*.txt --threshold other=0.1";
        assert_eq!(with_file(text, "unbait score --threshold other=0.1").unwrap(), wanted);
    }

    #[test]
    fn inputs_stand_at_the_end_and_only_when_none_are_given() {
        let text = "paths = ['a', '-b']\nthreads = 2";
        assert_eq!(
            with_file(text, "unbait score").unwrap(),
            "unbait score --threads=2 -- a -b"
        );
        assert_eq!(with_file(text, "unbait score c").unwrap(), "unbait score --threads=2 c");
        assert_eq!(with_file("paths = []", "unbait score").unwrap(), "unbait score");
        let text = "data = 'pages/'\noutput = 'm'";
        assert_eq!(
            with_file(text, "unbait train").unwrap(),
            "unbait train --output=m -- pages/"
        );
    }

    #[test]
    fn a_flag_that_is_off_is_not_given_and_turns_off_the_one_at_the_top() {
        assert_eq!(
            with_file("strict = true\n[score]\nstrict = false", "unbait score").unwrap(),
            "unbait score"
        );
    }

    #[test]
    fn numbers_are_written_as_options_take_them() {
        let text = "threads = 0x1_0\n[train]\npenalty = 1_0.5\nseed = 1_000\ndata = 'd'\noutput = 'm'";
        let wanted = "unbait train --penalty=10.5 --seed=1000 --output=m --threads=16 -- d";
        assert_eq!(with_file(text, "unbait train").unwrap(), wanted);
    }

    #[test]
    fn an_option_of_another_verb_is_passed_over_and_one_of_none_is_an_error() {
        assert_eq!(
            with_file("folds = 5\nkeep = 'body'", "unbait score").unwrap(),
            "unbait score"
        );
        let text = "threads = 2\ntreshold = ['promo=0.8']";
        assert_eq!(
            problem(text),
            "unbait.toml:2: no verb has an option treshold; did you mean threshold?"
        );
        let text = "\n[clean]\n# of clean\nformat = 'tsv'";
        assert_eq!(
            problem(text),
            "unbait.toml:4: clean has no option format; see unbait help, or unbait help VERB"
        );
        assert_eq!(
            problem("[socre]\nformat = 'tsv'"),
            "unbait.toml:1: socre is no verb; did you mean score?"
        );
        assert_eq!(
            problem("score = 'tsv'"),
            "unbait.toml:1: score is a verb; wanted a table, [score]"
        );
        assert_eq!(
            problem("config = 'other.toml'"),
            "unbait.toml:1: no verb has an option config; see unbait help, or unbait help VERB"
        );
    }

    #[test]
    fn a_value_that_an_option_does_not_take_is_an_error() {
        for (text, wanted) in [
            ("strict = 'yes'", "strict: found a text; wanted true or false"),
            (
                "threads = true",
                "threads: found true or false; wanted a text or a number",
            ),
            ("threads = [1, 2]", "threads: found a list; wanted a text or a number"),
            (
                "glob = [1979-05-27]",
                "glob: found a date or time; wanted texts or numbers",
            ),
            (
                "threads = 0",
                "threads: \"0\" cannot be taken: number would be zero for non-zero type",
            ),
            (
                "priority = 'recal'",
                "priority: found \"recal\"; wanted recall, balanced, precision",
            ),
            (
                "threshold = ['promo']",
                "threshold: \"promo\" cannot be taken: wanted NAME=NUMBER, such as promo=0.8",
            ),
            // a table of another verb is checked, too
            (
                "[eval]\nfolds = 'many'",
                "folds: \"many\" cannot be taken: invalid digit found in string",
            ),
        ] {
            let line = text.lines().count();
            assert_eq!(problem(text), format!("unbait.toml:{line}: {wanted}"));
        }
    }

    #[test]
    fn broken_toml_is_an_error_with_its_line() {
        let message = problem("threads = 2\r\nsplit = \r\n");
        assert!(message.starts_with("unbait.toml:2: "), "{message}");
        let message = problem("threads = 2\nthreads = 3\n");
        assert!(message.starts_with("unbait.toml:2: duplicate key"), "{message}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let arguments = ["unbait", "score", "--config", "no-such.toml"].map(OsString::from);
        assert!(matches!(
            command_line(&crate::command(), arguments.to_vec()),
            Err(Error::Read { .. })
        ));
    }

    #[test]
    fn a_command_line_that_is_wrong_by_itself_stays_as_it_is() {
        for arguments in [
            "unbait score --no-such-option",
            "unbait",
            "unbait score --help",
            "unbait score --threads x",
        ] {
            let mut all: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
            all.extend(["--config".into(), "no-such.toml".into()]);
            let line = command_line(&crate::command(), all.clone()).unwrap();
            assert_eq!(
                line,
                CommandLine {
                    arguments: all,
                    file: None
                }
            );
        }
    }

    #[test]
    fn what_the_file_gives_is_taken_as_if_it_stood_on_the_command_line() {
        let text = "paths = ['a']\n[train]\ndata = ['d']\noutput = 'm'\nallow-early-stop = true\n[eval]\nfolds = 3\ndata = 'x'";
        for arguments in ["unbait score", "unbait train", "unbait eval"] {
            let line = with_file(text, arguments).unwrap();
            crate::command().try_get_matches_from(line.split(' ')).unwrap();
        }
    }
}
