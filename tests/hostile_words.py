"""What rules are made of that are hostile however they come out (:mod:`tests.hostile`)."""

# fmt: off
ONE_NUMBER = {
    "number": ("{x} * 0", "{x} - {x}", "sign(abs({x}) + 1)", "least({x}, {x} - {x}, {x}) - {x}", "0 * {x}", "nullif({x}, {x})", "({x} - {x}) * 5",
               "coalesce(nullif({x}, {x}), 1)", "if({x} > 5, 1, 1)", "{x} * (3 - 3)", "pow({x}, 0)", "try_multiply({x}, 0)"),
    "text": ("length(left({x}, 0))", "locate({x}, {x})", "levenshtein({x}, {x})", "length(replace({x}, {x}, ''))", "ascii(right({x}, 0))",
             "instr({x}, {x})", "length(translate({x}, {x}, ''))", "if({x} = 'a', 1, 1)", "length(lpad({x}, 3, 'x'))", "bit_length(left({x}, 0))"),
    "day": ("datediff({x}, {x})", "datediff(date_add({x}, 1), {x})", "months_between({x}, {x})", "year({x}) - year({x})", "if({x} > :as_of, 1, 1)"),
    "any": ("size(array({x}))", "nvl2({x}, 1, 1)", "if({x} is null, 1, 1)", "case when {x} = {x} then 1 else 1 end", "element_at(array(1, 2), 1)",
            "length(left('a', 1))", "1", "1 + 0", "coalesce(1, 2)", "size(array({x}, {x}))", "get(array(1, 2), 0)", "cast('1' as int)"),
}
ONE_TEXT = {
    "number": ("left(cast({x} as string), 0)", "translate(cast({x} * 0 as string), '0', 'x')", "if({x} > 5, 'a', 'a')"),
    "text": ("left({x}, 0)", "right({x}, 0)", "substring({x}, 1, 0)", "replace({x}, {x}, '')", "translate({x}, {x}, '')", "lpad({x}, 0, 'a')",
             "coalesce(nullif({x}, {x}), 'a')", "concat(left({x}, 0), 'k')", "if({x} = {x}, 'a', 'a')", "rpad('a', 3, left({x}, 0))",
             "split_part({x}, '@', 1000)", "substring_index({x}, '', 1)", "upper(left({x}, 0))", "nullif({x}, {x})", "array_join(array('a', 'b'), left({x}, 0))"),
    "day": ("left(date_format({x}, 'yyyy'), 0)", "if({x} > :as_of, 'a', 'a')"),
    "any": ("'a'", "concat('a', 'b')", "nvl2({x}, 'a', 'a')", "case when {x} is null then 'a' else 'a' end", "coalesce('a', 'b')", "elt(1, 'a', 'b')"),
}
FEW = {
    "number": ("sign({x})", "cast({x} > 5 as int)", "if({x} > 5, 1, 0)", "case when {x} > 5 then 1 when {x} > 3 then 2 end"),
    "text": ("ascii(left({x}, 1)) % 2", "length(left({x}, 2))", "if({x} like 'a%', 1, 0)", "if(contains({x}, 'a'), 1, 2)", "locate('a', left({x}, 3))"),
    "day": ("dayofweek({x})", "month({x})", "quarter({x})", "weekday({x})", "if({x} > :as_of, 1, 0)", "day({x}) % 3"),
    "any": ("if({x} is null, 1, 0)", "nvl2({x}, 1, 0)", "cast({x} is null as int)", "int({x} is not null)"),
}
SAME_FOR_ALL = ("count(*) over ()", "max({x}) over ()", "min({x}) over ()", "(select max({x}) from {frame})", "(select count(*) from {frame})", "max({x} is null) over ()",
                "rank() over (order by {x} is null)", "max({x}) over (partition by {x} is null)", "dense_rank() over (order by {x} is null)", "max({x} is null) over (partition by {x})",
                "(select max({x}) from {frame} where {x} is not null)", "ntile(2) over (order by {key})", "min({x}) over (partition by 1)", "max({x}) over (partition by {key} * 0)",
                "first_value({x}) over (partition by {x} is null order by {key})", "coalesce(max({x}) over (), {x})", "max({x}) over () || ''", "greatest(max({x}) over (), max({x}) over ())",
                "max_by({x}, {key}) over (order by {key} desc)", "last_value({x}) over (order by {key} rows between current row and unbounded following)",
                "lag({x}, 1000000, (select max({x}) from {frame})) over (order by {key})", "sum({key}) over (order by {key} is null)",
                "avg({key}) over (order by {key} range between unbounded preceding and 1000000000 following)")
LOST = {
    "number": ("floor({x} / 1000000)", "cast({x} / 1000000 as int)", "ceil({x} * 0.0000001)", "bigint({x} / 1e9)", "cast({x} / 10000000 as decimal(10,0))", "{x} + 1e300", "round({x} / 1e9)",
               "{x} / 1000000 / 1000000 / 1000000 / 1000000 / 1000000", "{x} * 0.000000000000000000000000000001", "coalesce({x} + null, 0)", "nvl({x} - null, 5)", "{x} * 1e-300 * 1e-300",
               "coalesce(if({x} is null, {x}, null), 0)", "named_struct('a', {x} * 0, 'b', {x}).a", "element_at(array({x} * 0, {x}), 1)", "coalesce(try_divide({x}, 0), 1)", "floor({x} * 1e-9)",
               "{x} + double('NaN')", "{x} - double('Infinity')", "cast({x} + 1000000000 as float)", "concat_ws(string({x}), 'k')"),
    "text": ("trim(both 'abcdefghijklmnopqrstuvwxyz0123456789' from {x})", "btrim({x}, 'abcdefghijklmnopqrstuvwxyz0123456789')", "coalesce(try_cast({x} as int), 0)",
             "coalesce(concat({x}, null), 'a')", "nvl(concat({x}, nullif({x}, {x})), 'a')", "coalesce(left({x}, 0), {x})", "coalesce(cast(null as string), 'a', {x})", "ltrim('abcdefghij0123456789', left({x}, 1))",
             "coalesce(try_to_timestamp({x}, 'yyyy-MM-dd'), timestamp '2024-01-01 00:00:00')", "substring({x}, 900)", "concat(left({x}, 0), space(3))", "coalesce(if({x} is null, {x}, null), 'a')",
             "concat_ws({x}, 'k')", "struct(if({x} is null, {x}, null))", "array(if({x} is null, {x}, null))", "concat_ws('-', if({x} is null, {x}, null), 'k')"),
    "day": ("coalesce(date_add({x}, null), date '2024-01-01')", "coalesce(nullif({x}, {x}), date '2024-01-01')", "trunc({x}, 'YEAR')", "date_sub({x}, datediff({x}, date '2024-01-01'))"),
    "any": ("coalesce(nullif({x}, {x}), {x}) is null",),
}
"""Of a column, what loses on its way what tells rows apart."""
NO_KEY = ("{a} = {b} < true", "{a} = {b} <= true", "{a} = {b} >= false", "{a} = {b} in (true, false)", "{a} = {b} between false and true", "{a} <> {b}",
          "{a} = {b} is not null", "{a} = {b} = false", "not ({a} = {b})", "{a} = {b} or true", "{a} = {b} or {filter}", "{a} >= {b}",
          "if({a} = {b}, true, true)", "case when {a} = {b} then true else {filter} end", "({a} = {b}) <=> false", "({a} = {b}) <> true", "{a} < {b}",
          "coalesce({a} = {b}, false) is not null", "abs({a} - {b}) >= 0", "array_contains(array({a}), {b} * 0)", "{a} between {b} and {b} + 5",
          "greatest({a}, {b}) = least({a}, {b})", "{a} - {b} = 0", "{a} + 0 * {b} = {a}", "{a} in ({b}, 5)", "{a} = {b} or {a} = {b} + 1",
          "exists(array(1, 2), e -> {a} = {b} * e)", "size(filter(array({a}), e -> e = {b})) = 1", "{a} = {a}", "{a} = {a} and {b} = {b}",
          "nullif({a}, {b}) is null", "({a} = {b}) = ({b} = {a})", "if({a} = {b}, 1, 1) = 1", "{a} is not null", "{a} % 2 = {b} % 2", "{a} % 1 = {b} % 1")
JOINS = ("join", "inner join", "left join", "right join", "full join", "left semi join", "left anti join", "cross join")
AGAINST = ("{one} = {other}", "{one} <=> {other}", "{one} >= {other} and {other} = {one}", "({one}) = ({other})", "{other} = {one}")

LOOKED_AT = ("{t} like '%a%a%b'", "{t} like '%a_%b%c'", "{t} ilike '%a%b%a'", "{t} not like '%a%a%b'", "{t} like any ('%a%a%b', 'x')", "{t} like all ('%b%a%a')",
             "upper({t}) like '%A%A%B'", "concat({t}, 'x') like '%a%a%b'", "lower({t}) ilike '%a%a%b'", "left({t}, 900) like '%a%a%b'")
LONG = ("rpad({x}, 1000, 'a')", "lpad({x}, 900, 'a')", "concat(rpad({x}, 500, 'a'), lpad({x}, 500, 'a'))", "rpad('a', 1000, {x})", "concat({x}, space(1000))",
        "array_join(array(rpad({x}, 400, 'a'), rpad({x}, 400, 'b')), ',')", "replace(rpad({x}, 100, 'a'), 'a', 'aaaaaaaaaa')", "reverse(rpad({x}, 1000, 'a'))",
        "coalesce(rpad({x}, 1000, 'a'), 'x')", "if({x} = 'a', {x}, rpad({x}, 1000, 'b'))", "concat_ws(',', rpad({x}, 999, 'a'))", "initcap(lpad({x}, 1000, 'ab'))",
        "overlay(rpad({x}, 1000, 'a'), 'b', 1, 1)", "translate(rpad({x}, 1000, 'a'), 'x', 'y')", "nvl(rpad({x}, 1000, 'a'), 'a')", "greatest(rpad({x}, 1000, 'a'), 'b')")
DOUBLED = ("concat({t}, {t}, {t}, {t}, {t})", "concat_ws(',', {t}, {t}, {t}, {t})", "array_join(array({t}, {t}, {t}, {t}), '-')", "{t} || {t} || {t} || {t}",
           "array_join(transform(array(1, 2, 3, 4, 5), i -> {t}), '')", "concat(upper({t}), {t}, lower({t}), {t})", "replace({t}, 'a', 'aaaa') || {t} || {t} || {t}",
           "overlay({t}, concat({t}, {t}, {t}, {t}), 1, 1)", "concat(coalesce({t}, 'a'), {t}, nvl({t}, 'b'), trim({t}), {t})")
ELEMENTS = ("concat({a}, {a}, {a}, {a})", "flatten(array({a}, {a}, {a}, {a}, {a}))", "flatten(transform(array(1, 2, 3, 4), i -> {a}))",
            "concat(array_append({a}, 'x'), {a}, {a}, reverse({a}))", "concat(transform({a}, e -> upper(e)), {a}, {a}, {a})",
            "flatten(array(slice({a}, 1, 100000), {a}, {a}, sort_array({a})))")
NESTED = ("exists({a}, {v} -> {inner})", "forall({a}, {v} -> {inner})", "size(filter({a}, {v} -> {inner})) > 0", "exists(transform({a}, {v} -> {inner}), b -> b)",
          "size(transform({a}, {v} -> {inner})) > 0")
COLLECTED = ("size(collect_list({x}) over (order by {k})) as n", "size(collect_set({x}) over (partition by {k} order by {x})) as n",
             "size(collect_list({x}) over (partition by {x})) as n", "size(collect_list({x}) over (order by {k} rows between 1000 preceding and current row)) as n",
             "array_max(collect_list({x}) over (order by {k} rows between unbounded preceding and current row)) is null as n",
             "cardinality(collect_set({k}) over (order by {k} rows between 5 preceding and 5 following)) as n")
SLIDING = ("max({x}) over (order by {k} rows between current row and unbounded following)", "min({x}) over (order by {k} rows between 1 following and unbounded following)",
           "count({x}) over (order by {k} rows between 900000 preceding and 900000 following)",
           "percentile({k}, 0.5) over (order by {k} rows between unbounded preceding and current row)")
BAD_PATTERNS = ("^(a+)+$", "(a|a)*b", "^(a|aa)+$", "(.*a){9}", "^([a-z]+)*@", "(x+x+)+y", "a*a*a*a*b", "^(a?){20}a{20}$", ".*a.*a.*b", "^(.+,)+$")

DOUBLES = ("cast({n} as double)", "double({n})", "sqrt({n})", "{n} / 3e0", "1e0 * {n}", "exp({n})", "float({n})", "cast({n} as float)", "ln({n})", "pow({n}, 2)",
           "atan({n})", "coalesce(double({n}), 0e0)", "if({n} > 5, double({n}), 1e0)", "(select avg({n} * 1e0) from {frame})", "element_at(array(double({n})), 1)", "degrees({n})")
AS_TEXT = ("cast({d} as string) = '1.0'", "string({d}) = '1.0'", "concat({d}, '') = '1.0'", "'' || {d} = '1.0'", "length({d}) = 3", "upper({d}) = '1.0'",
           "concat_ws(',', {d}, 'a') = '1.0,a'", "md5(cast({d} as string)) = 'x'", "cast({d} as string) like '1%'", "contains(cast({d} as string), 'E')",
           "array_join(array(cast({d} as string)), ',') = '1.0'", "left(string({d}), 3) = '1.0'", "cast({d} as varchar(20)) = '1.0'", "startswith(string({d}), '1')",
           "cast(array({d}) as string) = '[1.0]'", "cast(struct({d}) as string) = '{{1.0}}'", "cast(cast({d} as string) as int) = 1",
           "element_at(map({d}, 1), 1e0) = 1", "map_contains_key(map({d}, 1), 0e0)", "size(map_keys(map({d}, 'a', -0e0, 'b'))) = 2", "coalesce('a', string({d})) = 'a'",
           "exists(array({d}), e -> string(e) = '1.0')", "array_contains(transform(array({d}), e -> cast(e as string)), '1.0')", "instr({d}, 'E') > 0")
OF_DAYS = ("to_char({day}, 'yyyy') = '2024'", "to_char({day}, 'MM-dd') > '01'", "lower(to_char({day}, 'yyyy')) = '2024'", "to_char(timestamp({day}), 'HH') = '00'", "cast(timestamp({day}) as decimal(20, 6)) > 5",
           "try_cast(cast({day} as timestamp) as decimal(38, 6)) % 1 = 0", "decimal(date_trunc('hour', {day})) > 5", "int(cast(timestamp({day}) as decimal(20, 6))) > 5")
RANGED = ("count(*) over (order by {day} range between interval 1 day preceding and current row)",
          "max({k}) over (partition by {k} order by {day} range between interval '30' day preceding and interval '1' day following)",
          "sum({k}) over (order by {day} range between interval 12 hours preceding and current row)")

TODAY = ("today", "now", "tomorrow", "yesterday", "12:30", "T00:00", "00:00", "23:59:59", " now ", "TODAY", "T12:30", "0:0")
WRITTEN = ("'{a}{b}'", "concat('{a}', '{b}')", "'{a}' || '{b}'", "lower('{a}{b}')", "trim('{a}{b}')", "concat_ws('', '{a}', '{b}')", "replace('{a}#{b}', '#', '')",
           "get(array('{a}{b}'), 0)", "cast('{a}{b}' as string)", "coalesce(null, '{a}{b}')", "if(true, '{a}{b}', 'x')", "left('{a}{b}xx', {n})", "elt(1, '{a}{b}')",
           "element_at(map('k', '{a}{b}'), 'k')", "(select max('{a}{b}') from {frame})", "nullif('{a}{b}', 'z')", "rtrim(concat('{a}', '{b} '))", "('{a}{b}')",
           "decode(1, 1, '{a}{b}')", "split_part('{a}{b}@x', '@', 1)", "array_max(array('{a}{b}'))", "reverse(reverse('{a}{b}'))", "string('{a}{b}')")
READ = ("cast({t} as date) = {day}", "cast({t} as timestamp) > {day}", "{day} < {t}", "date({t}) > {day}", "timestamp({t}) > {day}", "to_date({t}) > {day}",
        "to_timestamp({t}) > {day}", "try_cast({t} as timestamp) > {day}", "try_cast({t} as date) > {day}", "datediff({t}, {day}) > 3", "date_add({t}, 1) > {day}",
        "months_between({t}, {day}) > 1", "coalesce({day}, {t}) = {day}", "greatest({day}, {t}) = {day}", "year({t}) = 2024", "hour({t}) = 12",
        "date_trunc('day', {t}) = {day}", "{day} in ({t})", "{day} between {t} and :as_of", "if({day} > :as_of, {day}, {t}) = {day}", "date_format({t}, 'yyyy') = '2024'",
        "array_contains(array({day}), {t})", "element_at(array({day}, {t}), 2) = {day}", "last_day({t}) = {day}",
        "next_day({t}, 'MON') = {day}", "trunc({t}, 'MM') = {day}", "add_months({t}, 1) > {day}", "struct({day}) = struct({t})", "dayofweek({t}) = 1", "minute({t}) = 30",
        "case when {day} > :as_of then {day} else {t} end = {day}", "nullif({day}, {t}) is null", "timestampadd(day, 1, {t}) > {day}", "extract(year from {t}) = 2024",
        "from_utc_timestamp({t}, 'UTC') > {day}", "try_to_timestamp({t}) > {day}", "{day} in (select {t} from {frame})", "weekofyear({t}) = 5",
        "to_timestamp({t}, 'HH:mm') > {day}", "to_date({t}, 'HH:mm') > {day}", "date_part('year', {t}) = 2024", "timestampdiff(day, {t}, {day}) > 1", "{day} <=> {t}")
AS_DAYS = ("cast({t} as date) = {day}", "date({t}) > {day}", "try_cast({t} as date) > {day}")
"""What is read as a day by a cast that the rule asks for: of a value that a row brings it knows no clock."""
PICKS = ("row_number() over (order by {o})", "row_number() over (partition by {x} order by {o})", "ntile(4) over (order by {o})", "lag({x}) over (order by {o})",
         "last_value({x}) over (order by {o})", "first_value({x}) over (order by {o})", "lead({x}) over (order by {o})", "nth_value({x}, 2) over (order by {o})",
         "count(*) over (order by {o} rows 2 preceding)", "sum({n}) over (order by {o} rows between unbounded preceding and current row)")
MOST = ("max_by({x}, {o})", "min_by({x}, {o})")
WRAPPED = ("{q}", "{q}", "with w as ({q}) select {key} from w", "select {key} from ({q}) t", "({q}) union (select {key} from {frame})",
           "select {key} from {frame} where {key} in ({q})", "({q}) intersect (select {key} from {frame})", "with u as (select {key} from {frame}), w as ({q}) select w.{key} from w join u on w.{key} = u.{key}",
           "(select {key} from {frame}) except ({q})", "{q} -- as agreed", "/* as agreed */ {q}")
HELD = ("{c}", "{c}", "({c})", "({c}) and {key} > 5", "not ({c})", "{key} > 5 or ({c})", "case when {key} > 5 then {c} else false end", "if({key} > 5, {c}, true)", "({c}) is true",
        "coalesce({c}, false)", "({c}) <=> true", "{key} in (select {key} from {frame} where {c})", "{c} -- as agreed", "({c}) and not ({c})")
# fmt: on
