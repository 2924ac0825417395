#!/usr/bin/env python3
"""Writes the templates that the renderer is compared with Helm on, as JSON lines `{"group":, "text":}`.

The same templates come out at every run. Without arguments they are the ones that `record.py` records; with `--all`,
every combination, for a comparison that is too large to keep.
"""
import json
import random
import sys

# One sensible call of every function; its arguments are then exchanged for odd ones.
CALLS = r'''
and 1 "x"
or 0 "x"
not 0
len "abc"
index .Values.list 1
slice "abcdef" 1 3
print 1 "a"
printf "%v" 1
println "a" 2
html "<a>"
js "it's"
urlquery "a b"
eq 1 1
ne 1 2
lt 1 2
le "a" "b"
gt 2 1
ge 2.5 2.5
call .Values.text
abbrev 5 "hello world"
abbrevboth 5 10 "1234 5678 9123"
trunc 3 "hello"
trim "  a "
upper "abc"
lower "ABC"
title "hello world"
untitle "Hello World"
substr 1 3 "hello"
repeat 3 "ab"
trimAll "$" "$5.00$"
trimall "$" "$5.00$"
trimSuffix "-" "a-"
trimPrefix "-" "-a"
nospace "a b c"
initials "First Try"
swapcase "aBc"
snakecase "FirstName"
camelcase "http_server"
kebabcase "FirstName"
wrap 5 "aa bb cc dd"
wrapWith 5 "|" "aa bb cc dd"
contains "b" "abc"
hasPrefix "a" "abc"
hasSuffix "c" "abc"
quote "a" 1
squote "a" 1
cat "a" 1 "b"
indent 2 "a\nb"
nindent 2 "a\nb"
replace "a" "b" "banana"
plural "one" "many" 2
sha1sum "abc"
sha256sum "abc"
sha512sum "abc"
adler32sum "abc"
toString 12
atoi "12"
int64 "12"
int "12"
float64 "1.5"
toDecimal "777"
split "," "a,b"
splitList "," "a,b"
splitn "," 2 "a,b,c"
toStrings (list 1 "a" nil)
until 3
untilStep 0 6 2
seq 1 2 5
add1 1
add 1 2
sub 5 2
div 7 2
mod 7 3
mul 2 3
add1f 1.5
addf 1.5 2
subf 5 1.5
divf 7 2
mulf 2 1.5
biggest 1 5 3
max 1 5 3
min 4 2 3
maxf 1.5 2
minf 1.5 2
ceil 1.2
floor 1.8
round 1.2345 2
join "-" (list "a" "b")
sortAlpha (list "b" "a")
default "d" ""
empty ""
coalesce nil "" "x"
all 1 "a"
any 0 "a"
compact (list 1 "" 2)
mustCompact (list 1 "" 2)
fromJson "{\"a\":1}"
fromJsonArray "[1,\"a\"]"
toJson (dict "a" 1)
mustToJson (dict "a" 1)
toPrettyJson (dict "a" 1 "b" (list 1 "<"))
mustToPrettyJson (dict "a" 1)
toRawJson (dict "a" "<b>")
mustToRawJson (dict "a" "<b>")
mustFromJson "{\"a\":1}"
ternary "yes" "no" true
deepCopy (dict "a" 1)
mustDeepCopy (dict "a" 1)
typeOf 1
typeIs "int" 1
typeIsLike "int" 1
kindOf 1
kindIs "int" 1
deepEqual (list 1) (list 1)
base "/a/b.txt"
dir "/a/b.txt"
clean "/a/../b"
ext "a.txt"
isAbs "/a"
osBase "/a/b.txt"
osDir "/a/b.txt"
osClean "/a/../b"
osExt "a.txt"
osIsAbs "/a"
b64enc "hello"
b64dec "aGVsbG8="
b32enc "hello"
b32dec "NBSWY3DP"
tuple 1 "a"
list 1 "a"
dict "a" 1
get (dict "a" 1) "a"
set (dict "a" 1) "b" 2
unset (dict "a" 1 "b" 2) "a"
hasKey (dict "a" 1) "a"
pluck "a" (dict "a" 1) (dict "a" 2)
keys (dict "a" 1)
pick (dict "a" 1 "b" 2) "a"
omit (dict "a" 1 "b" 2) "a"
merge (dict "a" 1) (dict "b" 2)
mergeOverwrite (dict "a" 1) (dict "a" 2)
mustMerge (dict "a" 1) (dict "b" 2)
mustMergeOverwrite (dict "a" 1) (dict "a" 2)
values (dict "a" 1)
dig "a" "b" "none" (dict "a" (dict "b" 1))
append (list 1) 2
mustAppend (list 1) 2
push (list 1) 2
mustPush (list 1) 2
prepend (list 1) 2
mustPrepend (list 1) 2
first (list 1 2)
mustFirst (list 1 2)
rest (list 1 2)
mustRest (list 1 2)
last (list 1 2)
mustLast (list 1 2)
initial (list 1 2)
mustInitial (list 1 2)
reverse (list 1 2)
mustReverse (list 1 2)
uniq (list 1 2 1)
mustUniq (list 1 2 1)
without (list 1 2 3) 2
mustWithout (list 1 2 3) 2
has 1 (list 1 2)
mustHas 1 (list 1 2)
slice (list 1 2 3) 1
mustSlice (list 1 2 3) 0 2
concat (list 1) (list 2)
chunk 2 (list 1 2 3)
mustChunk 2 (list 1 2 3)
regexMatch "^a+$" "aaa"
mustRegexMatch "^a+$" "aaa"
regexFindAll "[a-c]" "abcd" 2
mustRegexFindAll "[a-c]" "abcd" -1
regexFind "[b-d]" "abcd"
mustRegexFind "[b-d]" "abcd"
regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W"
mustRegexReplaceAll "a(x*)b" "-ab-axxb-" "$1"
regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}"
mustRegexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}"
regexSplit "z+" "pizza" -1
mustRegexSplit "z+" "pizza" 2
regexQuoteMeta "1.2"
semver "1.2.3-beta.1+build"
semverCompare ">=1.2" "1.2.3"
urlParse "http://u:p@h:8080/p?q=1#f"
urlJoin (dict "scheme" "http" "host" "h" "path" "/p")
fail "stop"
required "needed" "x"
include "name" $
tpl "{{ .Values.text }}" $
lookup "v1" "Pod" "ns" "n"
toYaml (dict "a" 1)
mustToYaml (dict "a" 1)
toYamlPretty (dict "a" (list 1))
fromYaml "a: 1"
fromYamlArray "- 1"
toToml (dict "a" 1)
mustToToml (dict "a" 1)
fromToml "a = 1"
getHostByName "localhost"
hello
date "2006-01-02" (toDate "2006-01-02" "2024-02-29")
dateInZone "2006-01-02 15:04" (toDate "2006-01-02" "2024-02-29") "UTC"
date_in_zone "2006-01-02" 0 "UTC"
dateModify "-1.5h" (toDate "2006-01-02" "2024-02-29")
date_modify "24h" (toDate "2006-01-02" "2024-02-29")
mustDateModify "24h" (toDate "2006-01-02" "2024-02-29")
must_date_modify "24h" (toDate "2006-01-02" "2024-02-29")
toDate "2006-01-02" "2024-02-29"
mustToDate "2006-01-02" "2024-02-29"
htmlDate 0
htmlDateInZone 0 "UTC"
unixEpoch (toDate "2006-01-02" "2024-02-29")
duration "95"
durationRound "2h10m5s"
ago "x"
mustToDuration "90m"
durationSeconds "90m"
durationMilliseconds "1.5s"
durationMicroseconds "1.5s"
durationNanoseconds "1.5s"
durationMinutes "90m"
durationHours "90m"
durationDays "36h"
durationWeeks "336h"
durationRoundTo "95m" "1h"
durationTruncateTo "95m" "1h"
encryptAES "" ""
decryptAES "secretkey" "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="
buildCustomCert "x" "y"
genPrivateKey "none"
derivePassword 1 "pin" "password" "user" "example.com"
trimAll "" "abc"
randInt 5 6
shuffle ""
randAlpha 0
randBytes 0
osBase ""
toDate "2006-01-02" "no"
.Files.Get "files/a.txt"
.Files.GetBytes "files/a.txt"
.Files.Lines "files/a.txt"
.Files.Glob "files/*.txt"
(.Files.Glob "files/**").AsConfig
(.Files.Glob "files/*").AsSecrets
.Capabilities.APIVersions.Has "apps/v1"
.Values.text
.Release.Name
.Chart.Version
'''.strip().split('\n')

POOL = [
    'nil', '""', '"a b,c"', '"12"', '"-3.7"', '"true"', '"{{"', '0', '-3', '7', '2.5', '1e3', '0x1F', "'a'", 'true', 'false',
    '(list)', '(list 3 "b" nil)', '(list "b" "a")', '(dict)', '(dict "a" 1 "b" "x")', '.Values.missing', '.Values.number',
    '.Values.large', '.Values.half', '.Values.huge', '.Values.text', '.Values.lines', '.Values.unicode', '.Values.list', '.Values.names', '.Values.map',
    '.Values.nested', '.Values.nothing', '(int64 7)', '(float64 7)', '(split "." "a.b")', '(splitList "," "a,b")',
    '(semver "1.2.3")', '(b64dec "/w==")', '(toDate "2006-01-02" "2024-02-29")', '.Files', '.Chart', '.Capabilities.KubeVersion',
    '(.Files.GetBytes "files/a.txt")', '(until 3)', '(len "ab")', '.', '$.Release',
]


def words(call):
    """The words of a call, parentheses and quotes kept together."""
    out, depth, quoted, word, escaped = [], 0, False, '', False
    for c in call:
        if c == ' ' and not depth and not quoted:
            out.append(word)
            word = ''
            continue
        if quoted:
            quoted = c != '"' or escaped
            escaped = c == '\\' and not escaped
        elif c == '"':
            quoted, escaped = True, False
        elif c in '()':
            depth += 1 if c == '(' else -1
        word += c
    return out + [word]


# The order of these is not the same at every run of Helm.
UNORDERED = {'keys', 'values'}


def calls(everything):
    rng = random.Random(1)
    for call in CALLS:
        name, *args = words(call)
        yield 'call', '{{ %s }}' % call
        if name in UNORDERED:
            continue
        variants = []
        for at in range(len(args)):
            for odd in POOL:
                changed = args[:at] + [odd] + args[at + 1:]
                variants.append('{{ %s }}' % ' '.join([name] + changed))
        for odd in POOL:
            if args:
                variants.append('{{ %s | %s }}' % (odd, ' '.join([name] + args[:-1])))
            variants.append('{{ %s }}' % ' '.join([name] + args + [odd]))
        if args:
            variants.append('{{ %s }}' % ' '.join([name] + args[:-1]))
        variants.append('{{ %s }}' % name)
        variants.append('{{ toJson (%s) }}' % call)
        variants.append('{{ printf "%%T %%v" (%s) (%s) }}' % (call, call))
        variants.append('{{ if %s }}t{{ else }}f{{ end }}' % call)
        for text in variants if everything else rng.sample(variants, min(2, len(variants))):
            if not slow(text):
                yield 'call', text


def slow(text):
    """What takes minutes or gigabytes, or asks the clock."""
    if 'derivePassword' in text and '"pin"' not in text:
        return False
    for name in ('repeat', 'until', 'untilStep', 'seq', 'rand', 'indent', 'nindent', 'wrap'):
        if name in text and ('large' in text or 'huge' in text or '1e3' in text):
            return True
    if 'large' in text and ('substr' in text or 'range' in text):
        return False
    return any(word in text for word in ('{{ ago', '| ago', 'htmlDate', 'dateInZone', 'date_in_zone', '{{ date ', '| date ', 'durationRound (', 'durationRound nil')) and any(
        odd in text for odd in POOL if odd not in ('0', '(toDate "2006-01-02" "2024-02-29")'))


def verbs(everything):
    rng = random.Random(2)
    flags = ['', '5', '-8', '05', '+', '#', ' ', '.2', '8.3', '+.1', 'x', '[2]', '*', '-+8.2', '#08', '%']
    letters = 'vTtbcdoOqxXUeEfFgGspw'
    pool = [arg for arg in POOL if arg not in ('.', 'nil', '.Files', '$.Release', '.Chart')]
    every = ['{{ printf "<%%%s%s>" %s }}' % (flag, letter, arg) for flag in flags for letter in letters for arg in pool]
    every += ['{{ printf "%%[%s]d %%[%s]v|%%d" 1 "two" 3.5 }}' % pair for pair in ((1, 2), (2, 1), (3, 9), ('x', 1), (0, -1), (2, ''))]
    every += ['{{ printf "%s" }}', '{{ printf "%" 1 }}', '{{ printf "a%!b" }}', '{{ printf 1 }}', '{{ printf }}', '{{ printf "%d %s" 1 }}',
              '{{ printf "%d" 1 2 "x" }}', '{{ printf "%*d|%-*d|" 5 42 6 42 }}', '{{ printf "%.*f" 2 3.14159 }}', '{{ printf "%v %v" (list 1 "a" nil 2.5) (dict "b" (list) "a" nil) }}',
              '{{ printf "%#v" (list 1 "a") }}', '{{ printf "%#v" (dict "a" 1) }}', '{{ printf "%+v" .Values.map }}', '{{ printf "%q" .Values.names }}', '{{ printf "%x" "hello" }}',
              '{{ printf "% x" "hello" }}', '{{ printf "%U" 9731 }}', '{{ printf "%#U" 9731 }}', '{{ printf "%08b" 5 }}', '{{ printf "%t" "x" }}', '{{ printf "%5t|%-7t|" true false }}', '{{ printf "%6.2f%%" 12.345 }}']
    for text in every if everything else rng.sample(every[:-22], 150) + every[-22:]:
        yield 'printf', text


PIECES = r'''
{{ . | len }}
{{- /* c */ -}}x
a  {{- " b " -}}  c
a {{ "x" -}}   b
{{/* one */}}{{/* two */}}
{{ if .Values.blank }}a{{ else if .Values.text }}b{{ else }}c{{ end }}
{{ with .Values.map }}{{ .a }}{{ $.Values.text }}{{ end }}
{{ with .Values.missing }}x{{ else with .Values.text }}{{ . }}{{ else }}y{{ end }}
{{ with $x := .Values.text }}{{ $x }}{{ . }}{{ end }}
{{ range $i, $e := .Values.list }}{{ $i }}={{ $e }};{{ end }}
{{ range $i, $e := .Values.emptyList }}{{ $i }}{{ else }}none{{ end }}
{{ range .Values.nested }}{{ .name }}:{{ range .ports }}{{ . }},{{ end }}{{ end }}
{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }} {{ end }}
{{ range 3 }}{{ . }}{{ end }}
{{ range $i := 3 }}{{ $i }}{{ end }}
{{ range $i, $j := 3 }}{{ $i }}{{ end }}
{{ range int64 2 }}{{ . }}{{ end }}
{{ range until 5 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}
{{ range $i, $_ := until 3 }}{{ range until 3 }}{{ if gt . $i }}{{ break }}{{ end }}{{ . }}{{ end }};{{ else }}e{{ end }}
{{ range .Values.half }}{{ . }}{{ end }}
{{ range .Values.number }}{{ . }}{{ end }}
{{ range .Values.text }}{{ . }}{{ end }}
{{ range true }}{{ end }}
{{ range nil }}{{ end }}
{{ range .Values.missing }}x{{ else }}y{{ end }}
{{ range -2 }}x{{ else }}y{{ end }}
{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x = 3 }}{{ $x }}{{ end }}{{ $x }}
{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}
{{ $x := 1 }}{{ range $x := until 2 }}{{ $x }}{{ end }}{{ $x }}
{{ $x := 9 }}{{ range $x = until 2 }}{{ $x }}{{ end }}{{ $x }}
{{ $i := 9 }}{{ $v := 8 }}{{ range $i, $v = list "a" "b" }}{{ $i }}{{ $v }}{{ end }}{{ $i }}{{ $v }}
{{ $x := .Values }}{{ $x.map.c.d }}
{{ $x := dict "a" (dict "b" 1) }}{{ $x.a.b }}{{ $x.a.c }}{{ $x.z }}
{{ ($x := 1) }}
{{ $ }}
{{ $.Values.text }}{{ $.Chart.Name }}
{{ (index .Values.nested 1).labels.tier }}
{{ (.Values.map).c.d }}
{{ (printf "%s" "abc") | upper | len }}
{{ "quoted" | printf "%q" }}{{ `raw "x"` }}
{{ 'a' }} {{ '\n' }} {{ '☃' }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1e3 }} {{ 1.0 }} {{ .5 }} {{ 1e400 }}
{{ 1i }}
{{ 1.5i }} {{ 2+3i }}
{{ printf "%v %T" 2i 2i }}
{{ 9223372036854775807 }} {{ -9223372036854775808 }}
{{ 9223372036854775808 }}
{{ -0.0 }} {{ 1.10 }} {{ 100000000000000000000.0 }} {{ 123456789.0 }} {{ 1e21 }} {{ 1e-7 }}
{{ true }}{{ false }}
{{ nil }}
{{ . }}{{ .Values.missing }}x
{{ .Values.missing.deeper }}
{{ .Values.map.c.missing }}
{{ .Values.map.c.missing.x }}
{{ .Values.text.x }}
{{ .Values.list.x }}
{{ .Values.map.a.b }}
{{ .Nope }}
{{ .Chart.Nope }}
{{ .Release.Nope }}
{{ .Files.Nope }}
{{ .Capabilities.Nope }}
{{ .Capabilities.KubeVersion.Nope }}
{{ .Template.Name }} {{ .Template.BasePath }}
{{ .Chart.Name }} {{ .Chart.Version }} {{ .Chart.AppVersion }} {{ .Chart.Type }} {{ .Chart.IsRoot }} {{ .Chart.Keywords }} {{ .Chart.Annotations }}
{{ .Chart }}
{{ .Release }}
{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Major }} {{ .Capabilities.KubeVersion.GitVersion }}
{{ .Capabilities.HelmVersion }}
{{ .Capabilities.HelmVersion.Version }} {{ .Capabilities.HelmVersion.GoVersion }}
{{ .Values.text 1 }}
{{ .Values.text | .Values.text }}
{{ 1 | 2 }}
{{ "a" | "b" }}
{{ nil | quote }}
{{ (nil) }}
{{ not nil }}
{{ eq nil .Values.missing }}
{{ eq .Values.missing nil }}
{{ eq .Values.number 42 }}
{{ eq .Values.number 42.0 }}
{{ eq 1 1.0 }}
{{ eq "a" 1 }}
{{ ne .Values.missing "" }}
{{ eq .Values.list .Values.list }}
{{ eq .Values.map .Values.map }}
{{ eq 1 2 3 1 }}
{{ lt 1 "a" }}
{{ lt .Values.number 50.0 }} {{ gt .Values.number 50 }}
{{ and }}
{{ and 1 0 .Values.x.y.z }}
{{ and true (fail "no") }}
{{ or 1 (fail "no") }}
{{ or "" 0 }}{{ or }}
{{ not true false }}
{{ template "echo" 1 }}{{ template "echo" }}{{ template "echo" .Values.map }}
{{ template "nope" . }}
{{ template "first" (list "a") }}{{ template "first" (list) }}
{{ include "nope" . }}
{{ include "echo" (dict "a" (list 1 nil)) }}{{ include "echo" nil }}
{{ include "missing" . }}
{{ include "outer" (dict "inner" 1 "root" .) }}
{{ include "deep" 12 }}
{{ include "labels" . | nindent 4 }}
{{ include "labels" . | trim | indent 2 | quote }}
{{ include "name" }}
{{ include 1 . }}
{{ define "x" }}y{{ end }}
{{ block "inner" .Values.text }}<{{ . }}>{{ end }}
{{ tpl .Values.template . }}
{{ tpl "{{ .Values.nope }}x" . }}
{{ tpl "{{ define \"t\" }}T{{ . }}{{ end }}{{ include \"t\" 1 }}{{ template \"t\" 2 }}" . }}
{{ tpl "{{ fail \"inside\" }}" . }}
{{ tpl "{{ nope }}" . }}
{{ tpl "{{ if }}" . }}
{{ tpl "{{ .a.b.c }}" (dict "a" (dict)) }}
{{ tpl "{{ include \"missing\" . }}" . }}
{{ tpl "plain" . }}{{ tpl "" . }}{{ tpl "{{/* c */}}" . }}
{{ tpl (toYaml .Values.map) . }}
{{ tpl .Values.number . }}
{{ tpl "{{ $x }}" . }}
{{ tpl "{{ $.Values.text }}{{ .Template.Name }}" . }}
{{ required "need it" .Values.missing }}
{{ required "need it" .Values.blank }}
{{ required "need it" .Values.zero }}
{{ fail (printf "bad: %s" .Values.text) }}
{{ toYaml .Values }}
{{ toJson .Values }}
{{ toToml .Values.map }}
{{ toYamlPretty .Values.nested }}
{{ toYamlPretty .Values }}
{{ toPrettyJson .Values.map }}
{{ .Values.json | fromJson | toYaml }}
{{ .Values.yaml | fromYaml | toJson }}
{{ .Values.toml | fromToml | toJson }}
{{ fromYaml "a: [" | toJson }}
{{ fromYaml "- 1" | toJson }}
{{ fromYaml "a: 1\n b: 2" | toJson }}
{{ fromYaml "\t- x" | toJson }}
{{ fromYaml "a: 1\na: 2" | toJson }}
{{ fromYaml "a: *x" | toJson }}
{{ fromYaml "a: &x [1, 2]\nb: *x" | toJson }}
{{ fromYaml "12" | toJson }}
{{ fromYaml "a: 0o17\nb: 0x1F\nc: 1_000\nd: 1e3\ne: .inf" | toJson }}
{{ fromYaml "a: 2024-01-02\nb: 12:30:45\nc: ~\nd: yes\ne: 010" | toJson }}
{{ fromYaml "1: a\ntrue: b\n1.5: c\nnull: d" | toJson }}
{{ fromYamlArray "a: 1" | toJson }}
{{ fromYamlArray "- a\n- b: [1" | toJson }}
{{ fromJson "{\"a\": 1," | toJson }}
{{ fromJson "[1]" | toJson }}
{{ fromJson "{a: 1}" | toJson }}
{{ fromJson "" | toJson }}
{{ fromJson "nul" | toJson }}
{{ fromJson "{\"a\": 1} x" | toJson }}
{{ fromJsonArray "{}" | toJson }}
{{ fromJsonArray "[1,]" | toJson }}
{{ fromToml "a = " | toJson }}
{{ fromToml "a = 1\na = 2" | toJson }}
{{ fromToml "[a]\nb = 1\n[[c]]\nd = 1.5\n[[c]]\nd = true\n" | toJson }}
{{ fromToml "d = 2024-02-29T10:00:00Z\nl = [1, 2]\nt = {x = 'y'}" | toJson }}
{{ fromToml "= 1" | toJson }}
{{ fromToml "a 1" | toJson }}
{{ fromToml "n = 1\nf = 1.0" | toYaml }}{{ (fromToml "n = 1").n | kindOf }}
{{ toToml (dict "s" "a\"b" "n" 1 "f" 1.5 "b" true "l" (list 1 2) "t" (dict "x" (dict "y" 1)) "ts" (list (dict "a" 1) (dict "b" 2))) }}
{{ toToml (list 1) }}
{{ toToml (dict "a" (list 1 "b")) }}
{{ toToml (dict "a b" 1 "" 2 "c.d" 3) }}
{{ toYaml (list "y" "no" "on" "null" "~" "1" "1.5" "0x1" "1e3" "true" "2024-01-02" "" " a" "a " "a: b" "a #b" "- a" "*a" "&a" "!a" "%a" "@a" "`a" "'a" "\"a" "{a" "[a" "a\nb" "a\n" "\na" "a\tb" "|" ">" "=" "<<" "-" "?" ":" "a:" "#a" "é" "\u0007") }}
{{ toYaml (dict "a" nil "b" (list) "c" (dict) "d" (list (list 1) (dict "x" 1 "y" 2)) "e" 1.0 "f" 1e21 "g" 1e-7 "h" -0.0 "i" 123456789.5) }}
{{ toYaml "text" }}{{ toYaml 1 }}{{ toYaml nil }}{{ toYaml true }}{{ toYaml 2.50 }}
{{ toYaml "a\nb\n" }}
{{ toYaml (dict "long" (repeat 30 "word ")) }}
{{ toYaml (dict "a10" 1 "a9" 2 "a" 3 "A" 4 "b" 5 "_" 6 "1" 7) }}
{{ toYamlPretty (list "y" "no" "on" "null" "~" "1" "1.5" "0x1" "1e3" "true" "2024-01-02" "" " a" "a " "a: b" "a #b" "- a" "a\nb" "a\n" "\na" "a\tb" "é" "\u0007" "0o7" "1_000" "12:30") }}
{{ toYamlPretty (dict "a" nil "b" (list) "c" (dict) "d" (list (list 1 2) (dict "x" 1 "y" (list 1)) (list)) "e" 1.0 "f" 1e21 "g" 1e-7 "h" 1000000.0 "i" 123456789.5 "j" "a\nb\n" "k" 100000000000000000000000.0) }}
{{ toYamlPretty (dict "long" (repeat 30 "word ") "a10" 1 "a9" 2) }}
{{ toYamlPretty "text" }}{{ toYamlPretty 1 }}{{ toYamlPretty nil }}{{ toYamlPretty true }}
{{ toYamlPretty (semver "1.2.3") }}
{{ toYamlPretty .Values.large }} {{ toYamlPretty .Values.number }} {{ toYamlPretty .Values.half }} {{ toYamlPretty .Values.huge }}
{{ toJson (list "<" ">" "&" "\u2028" "é" "\u0001" 1.0 1e21 1e-7 1000000.0 nil true) }}
{{ toRawJson (list "<" "&" "\u2028") }}
{{ .Files.Get "none" }}{{ .Files.Get "files/a.txt" | indent 2 }}
{{ range $path, $_ := .Files.Glob "files/**" }}{{ $path }};{{ end }}
{{ range $path, $bytes := .Files.Glob "**.txt" }}{{ $path }}={{ $bytes }}{{ toString $bytes }};{{ end }}
{{ (.Files.Glob "files/{a,b}.*").AsConfig }}
{{ (.Files.Glob "nope/*").AsConfig }}|{{ (.Files.Glob "nope/*").AsSecrets }}
{{ .Files.Lines "files/a.txt" | toJson }}
{{ range .Files.Lines "files/a.txt" }}<{{ . }}>{{ end }}
{{ .Files.Glob "[" }}
{{ .Files.Get }}
{{ .Files.Get "a" "b" }}
{{ .Files.Get 1 }}
{{ .Files | len }}
{{ index .Files "files/a.txt" | toString }}
{{ .Capabilities.APIVersions.Has "batch/v1/CronJob" }} {{ .Capabilities.APIVersions.Has "apps/v1" }} {{ .Capabilities.APIVersions | len }}
{{ $d := dict }}{{ $_ := set $d "a" 1 }}{{ $_ := set $d "b" (list 1) }}{{ $d }}{{ $_ := unset $d "a" }}{{ $d }}
{{ $d := dict "a" (dict "b" 1) }}{{ $e := deepCopy $d }}{{ $_ := set $e.a "b" 2 }}{{ $d }}{{ $e }}
{{ $d := dict "a" 1 }}{{ $e := merge $d (dict "b" 2 "a" 3) }}{{ $d }}{{ $e }}
{{ $d := dict "a" (dict "x" 1) }}{{ merge $d (dict "a" (dict "y" 2)) }}{{ mergeOverwrite $d (dict "a" (dict "x" 9)) }}{{ $d }}
{{ merge (dict "a" "" "b" 0 "c" false) (dict "a" "x" "b" 5 "c" true "d" nil) }}
{{ mergeOverwrite (dict "a" "x" "b" 5 "c" true) (dict "a" "" "b" 0 "c" false) }}
{{ mustMergeOverwrite (dict) .Values.map (dict "c" (dict "d" (list 9))) | toJson }}
{{ merge (dict "a" 1) (dict "a" (dict "b" 1)) | toJson }}
{{ merge (dict "a" (list 1)) (dict "a" (list 2 3)) | toJson }}
{{ mergeOverwrite (dict "a" (dict "b" 1)) (dict "a" nil) | toJson }}
{{ mergeOverwrite (dict "a" (dict "b" 1)) (dict "a" "x") | toJson }}
{{ $l := list 1 2 }}{{ $m := append $l 3 }}{{ $l }}{{ $m }}
{{ dig "c" "d" "none" .Values.map }}
{{ dig "c" "x" "y" "none" .Values.map }}
{{ dig "a" "x" "none" .Values.map }}
{{ dig "c" "none" .Values }}
{{ dig "a" (dict) }}
{{ pluck "name" (first .Values.nested) (last .Values.nested) }}
{{ keys (dict "a" 1) | sortAlpha }}{{ values (dict "a" 1) }}
{{ pick .Values.map "a" "z" | toJson }}{{ omit .Values.map "c" | toJson }}
{{ hasKey .Values "text" }}{{ hasKey .Values.map "z" }}{{ hasKey .Values.missing "z" }}
{{ get .Values "text" }}{{ get .Values.map "z" }}|
{{ dict "a" }}{{ dict 1 2 }}{{ dict "a" 1 "a" 2 }}
{{ without .Values.names "orpheus" }}{{ uniq .Values.names }}{{ has "jason" .Values.names }}{{ has 3 .Values.numbers }}{{ has 3.0 .Values.numbers }}
{{ sortAlpha .Values.numbers }}{{ join "," .Values.list }}{{ .Values.names | join "-" }}
{{ first .Values.emptyList }}{{ last .Values.emptyList }}{{ rest .Values.emptyList }}{{ initial .Values.emptyList }}
{{ slice .Values.names 1 3 }}{{ slice .Values.names 3 }}{{ slice .Values.text 1 2 }}
{{ slice .Values.names 3 1 }}
{{ slice .Values.names 0 9 }}
{{ index .Values.map "c" "d" 1 }}{{ index .Values.map "z" }}
{{ index .Values.names 9 }}
{{ index .Values.names -1 }}
{{ index .Values.names "0" }}
{{ index .Values.text 0 }}
{{ index nil 0 }}
{{ index .Values.missing "a" }}
{{ index .Values.map "z" "y" }}
{{ index .Values.map 1 }}
{{ index .Values.names .Values.zero }}
{{ len .Values.unicode }}{{ len .Values.map }}{{ len .Values.list }}
{{ len 3 }}
{{ len nil }}
{{ len .Values.missing }}
{{ html .Values.markup }} {{ js .Values.markup }} {{ urlquery .Values.markup }}
{{ print 1 2 "a" "b" 3 nil }}{{ println }}{{ print .Values.missing "x" }}
{{ print .Values.large .Values.huge .Values.small .Values.half }}
{{ .Values.large }} {{ .Values.huge }} {{ .Values.small }} {{ .Values.half }} {{ .Values.number }}
{{ .Values.large | int }} {{ .Values.huge | int64 }} {{ .Values.large | toString }} {{ .Values.large | quote }} {{ int64 .Values.half }}
{{ int "0x10" }} {{ int "010" }} {{ int "1e3" }} {{ int "abc" }} {{ int "9999999999999999999" }} {{ int true }} {{ int nil }} {{ int (list) }} {{ int "1_000" }} {{ int "12.7" }} {{ int64 "-5" }}
{{ float64 "1e3" }} {{ float64 "abc" }} {{ float64 true }} {{ float64 nil }} {{ float64 "0x10" }} {{ float64 "inf" }}
{{ atoi "12" }} {{ atoi "x" }} {{ atoi "010" }} {{ toDecimal "0777" }} {{ toDecimal 777 }}
{{ add "1" 2.9 nil true }} {{ sub 1 }} {{ mul 2 "3" }} {{ div 7 -2 }} {{ mod -7 3 }} {{ add1 nil }} {{ max "3" 2 }} {{ min }}
{{ div 1 0 }}
{{ mod 1 0 }}
{{ divf 1 0 }}
{{ add }} {{ mul 3 }}
{{ addf 0.1 0.2 }} {{ subf 1 0.9 }} {{ mulf 1.1 1.1 }} {{ divf 1 3 }} {{ add1f 1 }} {{ maxf 1 2.5 }} {{ minf -1 2 }}
{{ ceil 1.2 }} {{ floor -1.2 }} {{ round 2.675 2 }} {{ round 2.5 0 }} {{ round -2.5 0 }} {{ round 1234.5 -2 }} {{ round 0.5 0 0.6 }} {{ round "1.55" 1 }}
{{ seq 5 }} {{ seq 2 5 }} {{ seq 5 -2 1 }} {{ seq 0 }} {{ seq -2 }} {{ seq 1 0 3 }} {{ seq }} {{ seq 1 2 3 4 }}
{{ until 0 }}{{ until -3 }}{{ untilStep 5 0 -2 }}{{ untilStep 0 5 0 }}{{ untilStep 5 0 1 }}
{{ quote nil "" 1 2.5 true (list "a") (dict "b" 1) }} {{ squote nil "it's" }}
{{ quote .Values.lines .Values.unicode }} {{ "a\"b" | quote }} {{ `\d` | quote }}
{{ cat 1 nil "" "a" true }}|
{{ title "hello-world foo_bar" }} {{ title "ÉCOLE élan" }} {{ untitle "HELLO World" }} {{ initials "jason of iolcus" }} {{ swapcase "HeLLo wÖrld" }}
{{ snakecase "HTTPServerID2" }} {{ snakecase "a b-c.d" }} {{ kebabcase "HTTPServerID2 x" }} {{ camelcase "http_server-id.x y" }} {{ camelcase "_a__b_" }} {{ camelcase "123_a" }}
{{ trunc 3 .Values.unicode }} {{ trunc -3 "hello" }} {{ trunc 0 "a" }} {{ trunc 99 "a" }} {{ trunc -99 "a" }}
{{ abbrev 2 "hello" }} {{ abbrev 4 "hello" }} {{ abbrev 5 "hello world" }} {{ abbrevboth 3 8 "abcdefghijkl" }} {{ abbrevboth 1 5 "abcdefgh" }}
{{ substr 0 3 "hello" }} {{ substr -1 3 "hello" }} {{ substr 2 -1 "hello" }} {{ substr 2 99 "hello" }}
{{ substr 4 2 "hello" }}
{{ repeat 0 "a" }}{{ repeat 3 "" }}|
{{ repeat -1 "a" }}
{{ wrap 3 "a bb ccc dddd" }} {{ wrap 0 "a b" }} {{ wrapWith 4 "\t" "aaaaaaaaaa bb" }} {{ wrap -1 "a b" }}
{{ indent 0 "a" }}|{{ indent 3 "a\n\nb\n" }}|{{ nindent 1 "" }}|{{ indent 2 "\t" }}|
{{ indent -1 "a" }}
{{ replace "" "-" "abc" }} {{ replace "b" "" "abc" }} {{ nospace " a\tb\nc " }} {{ trim "\t a \n" }} {{ trimAll "ab" "abcba" }} {{ trimPrefix "" "a" }}
{{ plural "one" "many" 1 }} {{ plural "one" "many" 0 }} {{ contains "" "a" }} {{ hasPrefix "" "" }}
{{ split "$" "a$b" }} {{ (split "," "a,b")._1 }} {{ (split "," "a,b")._9 }}| {{ split "" "ab" }} {{ splitList "" "ab" }} {{ splitn "," 1 "a,b" }} {{ splitn "," 0 "a" }} {{ split "," "" }}
{{ sha256sum "" }} {{ sha1sum .Values.unicode }} {{ adler32sum "x" }} {{ sha512sum "" | trunc 8 }}
{{ b64enc .Values.unicode }} {{ b64dec "!!" }} {{ b64dec "YQ" }} {{ b32enc "a" }} {{ b32dec "x" }} {{ b64dec "YQ==\n" }}
{{ ternary 1 2 "x" }}
{{ ternary "a" "b" .Values.truth }}{{ .Values.truth | ternary "a" "b" }}{{ ternary "a" "b" (eq 1 1) }}
{{ default "d" 0 }} {{ default "d" false }} {{ default "d" (list) }} {{ default "d" (dict) }} {{ default "d" nil }} {{ default "d" .Values.x }} {{ default "d" 0.0 }} {{ default nil "" }} {{ 0 | default 5 }}
{{ default "d" }}
{{ empty 0 }} {{ empty "a" }} {{ empty (list) }} {{ empty nil }} {{ empty .Values.map }} {{ coalesce }} {{ coalesce 0 nil }} {{ coalesce 0 1 2 }} {{ all }} {{ any }} {{ all 1 0 }}
{{ kindOf nil }} {{ kindOf .Values }} {{ kindOf .Values.list }} {{ kindOf 1.5 }} {{ kindOf .Chart }} {{ kindOf .Files }} {{ kindOf .Capabilities }} {{ kindOf (semver "1.0.0") }} {{ kindIs "map" .Values.map }}
{{ typeOf nil }} {{ typeOf .Values }} {{ typeOf .Values.map }} {{ typeOf .Values.number }} {{ typeOf .Chart }} {{ typeOf .Files }} {{ typeOf (split "," "a") }} {{ typeOf (until 2) }} {{ typeOf .Chart.Dependencies }} {{ typeOf (now) }} {{ typeOf .Capabilities }} {{ typeOf .Release }} {{ typeOf .Capabilities.APIVersions }} {{ typeOf (toDate "2006" "2020") }} {{ typeOf (mustToDuration "1s") }} {{ typeOf (urlParse "http://x") }} {{ typeOf (keys (dict)) }} {{ typeOf (tuple 1) }}
{{ typeIsLike "semver.Version" (semver "1.0.0") }} {{ typeIs "*semver.Version" (semver "1.0.0") }} {{ typeIs "map[string]interface {}" .Values.map }}
{{ deepEqual 1 1.0 }} {{ deepEqual .Values.map (deepCopy .Values.map) }} {{ deepEqual (list) .Values.emptyList }} {{ deepEqual nil nil }} {{ deepEqual (dict "a" nil) (dict) }}
{{ (semver "1.2.3-rc.1+b5").Major }} {{ (semver "1.2.3-rc.1").Prerelease }} {{ (semver "1.2.3+m").Metadata }} {{ (semver "v1.2").Original }} {{ semver "1" }} {{ (semver "1.2.3").Compare (semver "1.3.0") }} {{ (semver "1.2.3").IncMinor }} {{ (semver "1.2.3").String }}
{{ (semver "1.2.3").LessThan (semver "2.0.0") }} {{ (semver "1.2.3").Equal (semver "1.2.3") }} {{ (semver "1.2.3").GreaterThan (semver "1.0.0") }} {{ (semver "1.2.3").IncPatch }} {{ (semver "1.2.3").IncMajor }}
{{ semver "x" }}
{{ semver "1.2.3.4" }}
{{ semver "01.2.3" }}
{{ semverCompare "^1.2.0" "v1.9.9" }} {{ semverCompare "~1.2" "1.2.9" }} {{ semverCompare ">=1.20-0" "1.20.0-gke.1" }} {{ semverCompare ">1.0 <2.0 || >=3" "3.1.0" }} {{ semverCompare "1.x" "1.5.0" }} {{ semverCompare "!=1.2.3" "1.2.4" }} {{ semverCompare "1.2 - 2.0" "1.5.0" }} {{ semverCompare "*" "0.0.1-a" }} {{ semverCompare "=1.2" "1.2.7" }} {{ semverCompare ">=1.2.3,<2" "2.0.0-rc1" }} {{ semverCompare "^0.2.3" "0.2.9" }} {{ semverCompare "^0.0.3" "0.0.4" }}
{{ semverCompare "abc" "1.0.0" }}
{{ semverCompare ">=1" "abc" }}
{{ regexMatch "(?i)ABC" "xabcx" }} {{ regexMatch "\\d{2,3}$" "a123" }} {{ regexFind "a|b" "xb" }} {{ regexFindAll "\\w+" "a bc d" -1 }} {{ regexFindAll "x" "abc" 0 }} {{ regexSplit "," "a,b,c" 0 }} {{ regexSplit "" "abc" -1 }} {{ regexReplaceAll "(\\w)(\\w)" "abcd" "$2$1" }} {{ regexReplaceAll "(?P<x>a)" "aba" "<${x}>" }} {{ regexReplaceAll "a" "aba" "$$" }} {{ regexReplaceAll "(a)" "aba" "$1x" }} {{ regexReplaceAllLiteral "a" "aba" "$1" }} {{ regexReplaceAll "" "abc" "-" }} {{ regexQuoteMeta "a.b[c]{d}^$|\\" }}
{{ regexMatch "[" "a" }}
{{ regexMatch "a(?=b)" "ab" }}
{{ regexMatch "(a" "a" }}
{{ regexMatch "a**" "a" }}
{{ regexMatch "\\8" "a" }}
{{ regexFind "a{1001}" "a" }}
{{ mustRegexMatch "[" "a" }}
{{ mustRegexFindAll "(" "a" 1 }}
{{ mustRegexReplaceAll "*" "a" "b" }}
{{ regexMatch "\\p{Greek}+" "α" }} {{ regexMatch "^[[:alpha:]]+$" "abc" }} {{ regexFind "(?s)a.b" "a\nb" }} {{ regexFind "(?U)a+" "aaa" }} {{ regexFind "\\Aa\\z" "a" }} {{ regexFind "a??b" "ab" }} {{ regexMatch "\\bfoo\\b" "a foo b" }} {{ regexFind "[^\\x00-\\x7F]" "aé" }} {{ regexReplaceAll "\\s+" " a  b " "_" }} {{ regexMatch "\\Qa.b\\E" "a.b" }} {{ regexMatch "\\C" "a" }}
{{ urlParse "https://u:p%40@h.x:81/a%20b/?q=1&r=#f%20g" | toJson }} {{ urlParse "mailto:a@b" | toJson }} {{ urlParse "/a b" | toJson }} {{ urlParse "" | toJson }} {{ urlParse "//h/p" | toJson }}
{{ urlParse "http://[::1" }}
{{ urlParse "%zz" }}
{{ urlParse ":x" }}
{{ urlJoin (dict "scheme" "https" "userinfo" "u:p" "host" "h:1" "path" "/a b" "query" "x=1" "fragment" "f g") }} {{ urlJoin (dict "path" "a") }} {{ urlJoin (dict "opaque" "x" "scheme" "s") }}
{{ urlJoin (dict "host" 1) }}
{{ base "" }} {{ dir "" }} {{ ext "a.tar.gz" }} {{ clean "" }} {{ base "/" }} {{ dir "a" }} {{ clean "a//b/./../c/" }} {{ isAbs "a" }} {{ ext ".bashrc" }} {{ osBase "a\\b" }}
{{ date "2006-01-02T15:04:05.000Z07:00" (toDate "2006-01-02T15:04:05Z07:00" .Values.date) }} {{ dateInZone "Mon Jan _2 15:04:05 MST 2006" (toDate "2006-01-02" "2024-02-29") "America/New_York" }} {{ date "Monday, 02-Jan-06 3:04PM" (toDate "2006-01-02" "2024-12-05") }} {{ date "02 Jan 06 15:04 -0700 .999 __2 002" (toDate "2006-01-02" "2024-02-29") }}
{{ toDate "2006-01-02 15:04" "2024-02-29 10:20" | unixEpoch }} {{ dateModify "2h30m" (toDate "2006-01-02" "2024-02-29") }} {{ date_modify "bogus" (toDate "2006-01-02" "2024-02-29") }} {{ dateModify "-48h" (toDate "2006-01-02" "2024-03-01") | date "2006-01-02" }}
{{ mustToDate "2006-01-02" "2024-13-01" }}
{{ mustToDate "2006-01-02" "x" }}
{{ mustToDate "Jan 2 2006" "Foo 2 2006" }}
{{ mustDateModify "bogus" (toDate "2006-01-02" "2024-02-29") }}
{{ (toDate "2006-01-02" "2024-02-29").Year }} {{ (toDate "2006-01-02" "2024-02-29").Weekday }} {{ (toDate "2006-01-02" "2024-02-29").Unix }} {{ (toDate "2006-01-02" "2024-02-29").Format "Jan 2" }} {{ (toDate "2006-01-02" "2024-02-29").YearDay }} {{ (toDate "2006-01-02" "2024-02-29").Month }} {{ (toDate "2006-01-02" "2024-02-29").IsZero }}
{{ toDate "2006-01-02" "2024-02-29" }} {{ toDate "2006-01-02" "x" }} {{ toDate "2006-01-02" "2024-02-29" | toJson }} {{ toDate "2006-01-02" "2024-02-29" | toYaml }}
{{ duration 3661 }} {{ duration "95" }} {{ duration "x" }} {{ durationRound "2h10m5s" }} {{ durationRound 0 }} {{ durationRound "400h" }} {{ durationRound "9000h" }} {{ durationRound 90000000000 }} {{ duration 0 }} {{ duration 86400 }} {{ durationRound "55s" }} {{ durationRound "100ms" }}
{{ mustToDuration "1h30m" }} {{ mustToDuration 90 }} {{ mustToDuration 1.5 }} {{ (mustToDuration "90m").Hours }} {{ (mustToDuration "90s").Minutes }} {{ (mustToDuration "1500ms").String }}
{{ mustToDuration "x" }}
{{ mustToDuration nil }}
{{ lookup "v1" "Secret" "ns" "" }} {{ (lookup "v1" "Secret" "ns" "x").data }} {{ range (lookup "v1" "Pod" "" "").items }}x{{ else }}none{{ end }}
{{ if lookup "v1" "Secret" "ns" "x" }}there{{ else }}new{{ end }} {{ (lookup "v1" "Secret" "ns" "x").data.key }}
{{ len (randAlphaNum 12) }} {{ regexMatch "^[0-9]{4}$" (randNumeric 4) }} {{ len (uuidv4) }} {{ len (randBytes 9) }} {{ kindOf (now) }}
{{ (genCA "ca" 10).Cert | trunc 27 }} {{ kindOf (genCA "ca" 1) }} {{ (genPrivateKey "ecdsa") | trunc 30 }} {{ (genPrivateKey "ed25519") | trunc 27 }} {{ (genPrivateKey "rsa") | trunc 31 }}
{{ $ca := genCA "ca" 10 }}{{ $c := genSignedCert "cn" (list "127.0.0.1") (list "a.b") 5 $ca }}{{ hasPrefix "-----BEGIN CERTIFICATE-----" $c.Cert }}{{ hasPrefix "-----BEGIN RSA PRIVATE KEY-----" $c.Key }}
{{ genSignedCert "cn" nil nil 5 "x" }}
{{ genSelfSignedCert "cn" (list "not an ip") nil 5 }}
{{ genSelfSignedCert "cn" (list 1) nil 5 }}
{{ genCAWithKey "x" 1 "no key" }}
{{ genPrivateKey "none" }}
{{ htpasswd "u" "p" | trunc 9 }} {{ bcrypt "p" | len }} {{ htpasswd "u:x" "p" }}
{{ decryptAES "secretkey" (encryptAES "secretkey" "plain text") }} {{ decryptAES "key" "x" }}
{{ decryptAES "secretkey" "" }}
{{ decryptAES "secretkey" "AAAA" }}
{{ derivePassword 1 "long" "password" "user" "example.com" }} {{ derivePassword 2 "maximum" "p" "u" "s" }} {{ derivePassword 1 "none" "p" "u" "s" }}
{{ now | date "2006" | len }} {{ now | typeOf }} {{ ago (now) }}
{{ if and .Values.text (not .Values.blank) (or .Values.zero .Values.number) }}yes{{ end }}
{{ if eq .Values.text "Argo" }}A{{- else if eq .Values.text "x" -}}B{{ else }}C{{ end -}}  
{{- range $name, $value := .Values.map }}
{{ $name }}: {{ $value | toJson | quote }}
{{- end }}
{{- with .Values.nested }}
list:
{{- toYaml . | nindent 2 }}
{{- end }}
{{ .Values.map.c | toYaml | indent 4 | trim }}
{{ $list := list }}{{ range .Values.nested }}{{ $list = append $list .name }}{{ end }}{{ join "," $list }}
{{ $out := dict }}{{ range $i, $n := .Values.names }}{{ $_ := set $out $n $i }}{{ end }}{{ $out }}
{{ range $i, $p := (index .Values.nested 0).ports }}{{ if $i }},{{ end }}{{ $p | int }}{{ end }}
{{ range tuple "a" "b" }}{{ . }}{{ end }}{{ range $k, $v := split "," "x,y" }}{{ $k }}{{ $v }}{{ end }}
{{ range .Chart.Dependencies }}x{{ else }}none{{ end }}
{{ range $k, $v := .Release }}{{ $k }}={{ $v }};{{ end }}
{{ range $k, $v := .Capabilities.KubeVersion }}x{{ end }}
{{ .Values | toYaml | sha256sum }}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{ .Values.missing | default dict | toYaml }}
{{ (.Values.missing | default dict).x | default "y" }}
{{ ((.Values.missing).x).y | default "deep" }}
{{ .Values.map | toYaml | fromYaml | toJson }}
{{ $x := "a" }}{{ with $x }}{{ . }}{{ $x = "b" }}{{ end }}{{ $x }}
{{ $_ := set .Values "added" 1 }}{{ .Values.added }}
{{ if .Values.a.b.c }}x{{ end }}
{{ if (.Values.a).b }}x{{ else }}y{{ end }}
{{ with . }}{{ with .Values }}{{ .text }}{{ end }}{{ end }}
{{ break }}
{{ range until 2 }}{{ template "plain" }}{{ end }}{{ continue }}
{{ if true }}{{ end }}{{ end }}
{{ if }}x{{ end }}
{{ if true }}
{{ else }}
{{ range }}{{ end }}
{{ with }}{{ end }}
{{ template }}
{{ template foo }}
{{ template "echo" 1 2 }}
{{ define }}x{{ end }}
{{ define "a" "b" }}x{{ end }}
{{ define "a" }}
{{ block "a" }}x{{ end }}
{{ if true }}{{ define "inner" }}x{{ end }}{{ end }}
{{ nope 1 }}
{{ $undefined }}
{{ $x = 1 }}
{{ $x := }}
{{ $x, $y := 1 }}
{{ $x := 1 := 2 }}
{{ 1a }}
{{ 0x }}
{{ 1.2.3 }}
{{ 08 }}
{{ "a
{{ "a }}
{{ `a }}
{{ 'ab' }}
{{ '' }}
{{ 'a }}
{{ "\q" }}
{{ "\x41\u00e9\101\t" }}
{{ "\xff" }}
{{ .a..b }}
{{ .a. }}
{{ . a }}
{{ .Values .text }}
{{ ..a }}
{{ .1 }}
{{ (1 }}
{{ 1) }}
{{ () }}
{{ (()) }}
{{ | quote }}
{{ 1 | }}
{{ 1 || 2 }}
{{ 1 | 2 | quote }}
{{ "a" "b" }}
{{ quote | nil }}
{{ a.b }}
{{ quote.x }}
{{ "a".b }}
{{ 1.b }}
{{ nil.a }}
{{ true.a }}
{{ ("a").b }}
{{ $.Values.$x }}
{{ # }}
{{ @ }}
{{ a ? b }}
{{ 1, 2 }}
{{ , }}
{{ = }}
{{ := }}
{{ : }}
{{ ! }}
{{ & }}
{{ /* a */ 1 }}
{{/* a }}
{{ /* a */ }}
{{- /* a */}}
{{/* a */ -}}  b
{{-1}}
{{- 1 -}}
{{ -1 }}{{-1 -}}x
{{ 3 -}}
{{-  }}
{{}}
{{ }}
{{- -}}
{{
{{ if
{{ if true
}} a
{{ end }}
{{ else }}
{{ else if true }}
{{ if true }}a{{ else }}b{{ else }}c{{ end }}
{{ if true }}a{{ else }}b{{ else if true }}c{{ end }}
{{ if true }}a{{ else range .x }}b{{ end }}
{{ with 1 }}a{{ else if true }}b{{ end }}
{{ range 1 }}a{{ else if true }}b{{ end }}
{{ range 1 }}a{{ else }}{{ break }}{{ end }}
{{ range 1 }}{{ break 1 }}{{ end }}
{{ range 1 }}{{ define "q" }}{{ break }}{{ end }}{{ end }}
{{ if true }}{{ break }}{{ end }}
{{ range $a, $b, $c := .x }}{{ end }}
{{ range $a, b := .x }}{{ end }}
{{ range $a := 1 | nope }}{{ end }}
{{ if $x := 1 }}{{ $x }}{{ end }}{{ $x }}
{{ if $x := 0 }}a{{ else }}{{ $x }}{{ end }}
{{ if 1 }}{{ $y := 2 }}{{ end }}{{ $y }}
{{ if not }}x{{ end }}
{{ if eq }}x{{ end }}
{{ eq 1 }}
{{ upper }}
{{ upper 1 }}
{{ upper nil }}
{{ upper .Values.number }}
{{ upper .Values.missing }}
{{ upper "a" "b" }}
{{ trunc "3" "abc" }}
{{ trunc 3.0 "abc" }}
{{ trunc .Values.number "abc" }}
{{ until "3" }}
{{ until .Values.number }}
{{ index .Values.list .Values.number }}
{{ join 1 2 }}
{{ hasKey 1 "a" }}
{{ set 1 "a" 2 }}
{{ set .Values.missing "a" 1 }}
{{ get .Values.list "a" }}
{{ keys 1 }}
{{ append "x" 1 }}
{{ first 1 }}
{{ first nil }}
{{ rest "abc" }}
{{ has 1 "abc" }}
{{ has 1 nil }}
{{ uniq 1 }}
{{ without nil 1 }}
{{ concat 1 }}
{{ concat (list 1) nil }}
{{ chunk 0 (list 1) }}
{{ toStrings 1 }}{{ toStrings nil }}{{ sortAlpha 1 }}{{ sortAlpha nil }}{{ join "," nil }}{{ join "," "a" }}{{ join "," (dict "a" 1) }}
{{ deepCopy nil }}
{{ mustDeepCopy nil }}
{{ pick 1 "a" }}
{{ merge 1 2 }}
{{ dig "a" 1 2 }}
{{ dig 1 "b" (dict) }}
{{ toJson (dict "f" .Files) }}
{{ mustToJson (dict "n" (divf 1 0)) }}
{{ mustFromJson "{" }}
{{ mustFromJson "[1] 2" }}
{{ mustToToml nil }}
{{ mustToYaml (dict "n" (divf 1 0)) }}
{{ toYaml (dict "n" (divf 1 0)) }}|
{{ toJson (divf 1 0) }}|
{{ fromYaml 1 }}
{{ dateInZone "2006" 0 "Nowhere/Land" }}
{{ date "2006" "x" | len }}
{{ len (htmlDate (now)) }}
{{ randInt 5 5 }}
{{ .Values.text | nospace | lower | b64enc | b64dec | title | quote }}
{{ (list 1 2 3) | toJson }}{{ list 1 2 | first }}{{ (list) | len }}
{{ "<no value>" }}x
{{ .Values.nothing }}|{{ .Values.missing }}|{{ print .Values.nothing }}|{{ printf "%v" .Values.nothing }}|{{ quote .Values.nothing }}|{{ .Values.nothing | toJson }}
{{ list .Values.nothing .Values.missing nil }}{{ dict "a" .Values.missing }}
{{ eq .Values.nothing nil }} {{ eq .Values.nothing .Values.missing }} {{ kindOf .Values.nothing }} {{ typeOf .Values.missing }} {{ not .Values.nothing }}
{{ .Values.nothing.x }}
{{ .Values.nothing | upper }}
{{ with .Values.nothing }}x{{ else }}y{{ end }}
{{ .Subcharts }}
{{ .Template }}
{{ .Values.names | first | upper | printf "%s!" }}
{{ "é" | upper }} {{ "ß" | upper }} {{ "ı" | title }} {{ "ŒUVRE" | lower }} {{ "ǆ" | title }}
'''.strip('\n').split('\n')


def pieces(_):
    block = []
    for line in PIECES:
        # A line that ends in the middle of a template is a template of several lines.
        block.append(line)
        if line.startswith('{{- range $name') or line.startswith('{{- with .Values.nested') or (len(block) > 1 and line != '{{- end }}'):
            continue
        yield 'piece', '\n'.join(block)
        block = []


def program(rng, depth, names):
    """A random template of nested statements that is mostly right."""
    out = ''
    for _ in range(rng.randint(1, 3)):
        left, right = rng.choice(['{{ ', '{{- ']), rng.choice([' }}', ' -}}'])
        space = rng.choice(['', ' ', '\n', '  \n\t'])
        action = lambda body: left + body + right
        value = lambda: rng.choice(['.', '$.Values.text', '.Values.number', '.name', '$.Values.list', '$.Values.names', '$.Values.map', '1', '"s"', '$.Values.zero', '$.Values.missing', '(list 1 2)', 'true']
                                   + ['$' + name for name in names])
        kind = rng.randint(0, 11) if depth else rng.randint(0, 3)
        if kind == 0:
            out += 'text' + space
        elif kind == 1:
            out += action(value()) + space
        elif kind == 2:
            name = rng.choice('abc')
            out += action('$%s := %s' % (name, value())) + space
            names = names | {name}
        elif kind == 3:
            if names:
                out += action('$%s = %s' % (rng.choice(sorted(names)), value())) + space
            else:
                out += action('%s | %s' % (value(), rng.choice(['quote', 'toJson', 'kindOf', 'print', 'toString', 'empty'])))
        elif kind in (4, 5):
            out += action('if ' + value()) + space + program(rng, depth - 1, names)
            if rng.random() < .6:
                out += action(rng.choice(['else', 'else if ' + value()])) + space + program(rng, depth - 1, names)
            out += action('end') + space
        elif kind in (6, 7):
            out += action('with ' + value()) + space + program(rng, depth - 1, names)
            if rng.random() < .5:
                out += action(rng.choice(['else', 'else with ' + value()])) + space + program(rng, depth - 1, names)
            out += action('end') + space
        elif kind in (8, 9, 10):
            form = rng.choice(['range %s', 'range $a := %s', 'range $a, $b := %s'])
            over = rng.choice(['$.Values.list', '$.Values.names', '$.Values.map', '2', '(until 3)', '$.Values.nested', '$.Values.missing', '.', '$.Values.number'])
            inner = names | ({'a'} if '$a' in form else set()) | ({'b'} if '$b' in form else set())
            out += action(form % over) + space + program(rng, depth - 1, inner)
            if rng.random() < .3:
                out += action(rng.choice(['break', 'continue'])) + program(rng, 0, inner)
            if rng.random() < .4:
                out += action('else') + space + program(rng, depth - 1, names)
            out += action('end') + space
        else:
            out += action(rng.choice(['template "echo" %s', 'include "echo" %s', 'include "echo" %s | upper', 'tpl "<{{ . }}>" %s']) % value()) + space
    return out


def programs(everything):
    rng = random.Random(3)
    for _ in range(3000 if everything else 80):
        yield 'program', program(rng, 3, frozenset())


def mutations(everything):
    """Templates with a character too many or too few."""
    rng = random.Random(4)
    whole = [text for _, text in pieces(True) if len(text) < 160 and 'now' not in text and 'gen' not in text and 'rand' not in text]
    for _ in range(4000 if everything else 100):
        text = rng.choice(whole)
        at = rng.randrange(len(text))
        how = rng.randint(0, 2)
        if how == 0:
            text = text[:at] + text[at + 1:]
        elif how == 1:
            text = text[:at] + rng.choice('{}()|.$"`\'-:=, 1ax/*\n') + text[at:]
        else:
            text = text[:at]
        if not slow(text):
            yield 'mutation', text


def main():
    everything = '--all' in sys.argv
    seen = set()
    for make in (calls, verbs, pieces, programs, mutations):
        for group, text in make(everything):
            if text not in seen and not ('include "deep"' in text and group == 'mutation'):
                seen.add(text)
                print(json.dumps({'group': group, 'text': text}, ensure_ascii=False))


if __name__ == '__main__':
    main()
