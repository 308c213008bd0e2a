"""What mutants are made of: operators, values, relations, marks, and texts and orders that should be refused."""

CONDITIONS = (
    "({this}) and ({condition})",
    "({this}) or not ({condition})",
    "not ({this})",
    "case when {this} then {condition} else false end",
    "if({this}, {condition}, false)",
    "coalesce(({this}), ({condition}))",
    "({this}) <=> ({condition})",
    "({this}) and {key} in ({query})",
    "({this}) or exists ({query})",
    "({this}) and {key} = (select max({key}) from {frame})",
    "exists(array(1, 2), x -> {this})",
    "{key} in (select {key} from {frame} where {this})",
    "exists (with w as ({query}) select 1 from w)",
    "({this}) is true",
)
QUERIES = (
    "({this}) union ({query})",
    "({this}) except ({query})",
    "{this} intersect {query}",
    "with w as ({this}) select {key} from w",
    "with w as ({query}) {this}",
    "with w as ({query}), v as ({this}) select v.{key} from v join w on v.{key} = w.{key}",
    "select {key} from ({this}) t",
    "select {key} from {frame} where {key} in ({this})",
    "select {key} from {frame} where {condition}",
    "select {key} from ({this}) where {condition}",
    "select {key} from {frame} where {condition} group by {key} having count(*) > 1",
    "select {key} from (select {key}, row_number() over (partition by {key} order by {key}) n from {frame}) where n = 1",
    "{this} order by ({query})",
    "select {key} from {frame} lateral view explode(array({key})) t as x where {condition}",
)

# fmt: off
CLOCKS = ("'today'", "'now'", "'12:30'", "'T00:00'", "'tomorrow'", "lower('TODAY')", "concat('to', 'day')", "concat('00', ':00')",
           "trim(' now ')", "'2024-06-01'", "array('today')[0]", "cast('now' as string)")
DAYS = ("{text}", "{text}", "date({text})", "timestamp({text})", "cast({text} as date)", "try_cast({text} as timestamp)", "to_date({text})",
         "to_timestamp({text})", "coalesce({word}, {text})", "nullif({word}, {text})", "if({column} is null, {word}, {text})",
         "date_add({text}, 1)", "datediff({text}, {word})", "date_trunc('day', {text})", "year({text})", "cast({column} as timestamp)",
         "cast({column} as date)", "try_cast({column} as date)", "date({column})", "to_timestamp({column}, 'HH:mm')", "greatest({word}, {text})",
         "array({word}, {text})[1]", "(select max({text}) from {frame})", "element_at(map('a', {word}, 'b', {text}), 'b')", "date {text}",
         "case when true then {word} else {text} end", "to_date({column}, 'yyyy-MM-dd')", "unix_timestamp({text})", "hour({text})")
ORDERS = ("1", "1, 2", "null", "'a'", "{column} * 0", "{column} - {column}", "({column}, {column})", "{column} = {column}", "{key}",
           "{column}", "nullif({column}, {column})", "{column} & 0", "left({column}, 0)", "{column}, {column}", "length({column})")
TAKEN = ("max_by({column}, {order})", "min_by({column}, {order})", "(select max_by({column}, {order}))", "first_value({column}) over (order by {order})")
PICKED = ("row_number() over (order by {order})", "row_number() over (partition by {column} order by {order})", "ntile(4) over (order by {order})",
           "lag({column}) over (order by {order})", "last_value({column}) over (order by {order})", "count(*) over (order by {order} rows 2 preceding)",
           "first_value({column}) over (partition by {column} order by {order})", "max_by({column}, {order}) over (partition by {column})",
           "rank() over (order by {order})", "sum({column}) over (order by {order})", "nth_value({column}, 2) over (order by {order})")
KEYLESS = {
    "beside": ("< true", "<= true", ">= false", "<=> true", "in (true, false)", "between false and true", "is not null", "= true", "<> false",
               "or true", "is true", "* 0", "- 0", "% 2", "% 1"),
    "between": ("* 0 {sign} 0 *", "{sign} 0 +", "{sign} {column} -", "- {column} {sign}", "{sign} 1 or 1 {sign}", "> 5 {sign} 5 <", "<>", ">=",
                "is null {sign} null is", "{sign} null or null {sign}", "% 1 {sign}", "{sign} nullif(1, 1) or", "{sign} (select 1) or"),
}
GROWN = ("concat({word}, {word})", "rpad({word}, 1000, 'a')", "lpad(string({word}), 1000, 'ab')", "rpad({word}, 1000, 'a') like '%a%a%b'",
         "concat_ws({word}, {column}, {word}, {word})", "array_join(array({word}, {word}), rpad('', 500, 'a'))", "replace({word}, 'a', rpad('', 900, 'a'))",
         "array_max(transform(array({word}, {word}), x -> concat(x, x)))", "size(flatten(transform(array(1, 2, 3), x -> array(x, {word}))))",
         "levenshtein(rpad({word}, 1000, 'a'), {word})", "exists(array(1, 2), x -> exists(array(x, 3), y -> exists(array(y), z -> z = {word})))",
         "(select count(distinct {word}, {column}))", "count(distinct {word}) over ()", "sum({word}) over (rows between 900 preceding and 900 following)",
         "size(collect_list({word}) over (order by {column}))", "array_sort(array({word}, {column}))[0]", "rlike({word}, '^(a+)+$')")
DIGITS = ("cast(double({word}) as string)", "concat('', {word} / 3e0)", "string(float({word}))", "element_at(map({word} / 1e0, 1), 1e0)", "'' || double({word})",
          "to_char({word}, 'yyyy')", "to_char({word}, '999D99')", "cast({word} as decimal(38, 18)) = cast({column} as decimal(38, 0))", "initcap({word})",
          "upper({word} * 1e0)", "length(sqrt({word}))", "md5(string(exp({word})))", "date_format({word}, 'yyyy')", "array_join(array(double({word})), ',')",
          "map_contains_key(map(-0e0, {word}), 0e0)", "max({word}) over (order by {column} range between interval 1 day preceding and current row)")
OPERATORS = ("=", "<", ">", "<=", ">=", "<>", "<=>", "and", "or", "+", "-", "*", "/", "%", "||", "like", "in", "div", "&")
VALUES = ("0", "1", "5", "1.5", "'GB'", "'x'", "null", "true", ":as_of", "date '2024-06-01'", "1e3", "12BD", "'%a%'", "-1",
           "interval 1 day", "2000000000", "date 'today'", "'%a%a%a%a%b'", "array(1, 2)", "(select 1)", "current_date", "user")
RELATIONS = ("payroll", "spark_catalog.default.{frame}", "default.{frame}", "text.`/etc/passwd`", "parquet.`/data`", "range(10)",
              "`text`.`/etc/passwd`", "global_temp.{frame}", "(values (1), (2)) as t(v)", "explode(array(1))", "identifier('payroll')",
              "{frame} tablesample (1 rows)", "{frame} version as of 1", "(table payroll)", "json.`/proc/self/environ`", "{frame} a",
              "(select * from {frame}) t", "(select * from payroll) t", "{frame}, lateral (select 1) l", "system.information_schema.tables")
INSERTED = (" -- x\n", " /* x */ ", "/*+ broadcast(a) */", ";", "${env:HOME}", "\\", '"', "\u00a0", "\u200b", "\u202e", "\t", "\n", "\r",
             " limit 1 ", " lateral view explode(array(1)) t as x ", " order by 1 ", " as x ", " not ", " distinct ", "(", ")", ",",
             " tablesample (1 rows) ", " window w as (order by rand()) ", " over (order by 1) ", " filter (where true) ", " ignore nulls ",
             " union select 1 ", " qualify true ", " with ", " cross join payroll ", "::int", "[0]", ".", "!", " is not null ", " collate utf8_lcase ")
SAID = ("", "x", "it's", "``", " or true ", ":later", "größer als 5", "*", "/", "--", "+", "*/ or true /*", "\n or true", "\r or true --",
         "\u2028 or true", "select 1 from payroll", "reflect('a', 'b')", "\\", "\\\n or true", "/* x */", "/*+ x */", "\u202e", ";", "${x}")
MARKS = ("/*{}*/", " /* {} */ ", "-- {}\n", "--{}\r\n", "--{}\r", "/*{}", "--{}", "{}*/", "/**{}**/", "/*/{}*/", "/*+{}*/", "--{}\\\n")
LOOKALIKES = ({"i": "\u0131"}, {"s": "\u017f"}, {"k": "\u212a"}, {"c": "\u0441"}, {"e": "\uff45"}, {"o": "0"}, {"a": "\u00e4"})
# fmt: on
