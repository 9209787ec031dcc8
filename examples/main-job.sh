#!/usr/bin/env bash
# The main job of the platform, from the first login to the outcome, by its HTTP API alone.
#
#   make run                  in one terminal
#   examples/main-job.sh      in another
#
# A citizen applies for the occupation of public ground, attaches a file and pays; the application is registered; an
# operator takes it, asks for what is missing and decides; everybody concerned gets mail. Needs curl, jq and perl, and the
# binary for `opencity events tail`.
#
#   OPENCITY_URL        where the platform answers       (default http://localhost:8080)
#   OPENCITY_DATA_DIR   its data folder, for the mails   (default var)
#   OPENCITY_BIN        the program                      (default target/debug/opencity, or opencity of the PATH)
#
# It can be run again and again: each run sends a new application.
set -euo pipefail

url=${OPENCITY_URL:-http://localhost:8080}
data_dir=${OPENCITY_DATA_DIR:-var}
here=$(cd "$(dirname "$0")" && pwd)
opencity=${OPENCITY_BIN:-$here/../target/debug/opencity}
[ -x "$opencity" ] || opencity=opencity

# The demo's own: config/demo.toml lists them.
password='opencity-demo'
citizen_name=RSSMRA80A01H501U
operator_name=operatore
service=b21c4429-95e4-45d5-930f-44eb74136625
patience=60 # seconds for each wait

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/begun"

step() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
fail() {
    printf 'main-job: %s\n' "$*" >&2
    exit 1
}

for program in curl jq perl sha256sum base64; do
    command -v "$program" >/dev/null || fail "$program is missing; scripts/setup run installs what is needed"
done

# A path of the platform, or a whole URL that it gave.
address() {
    case $1 in
        http*) printf '%s' "$1" ;;
        *) printf '%s%s' "$url" "$1" ;;
    esac
}

# request TOKEN METHOD PATH [JSON]: prints the body of the answer; a refusal ends the script with the problem's own words.
request() {
    local token=$1 method=$2 path=$3 answer status
    local options=(--silent --show-error --request "$method" --write-out '\n%{http_code}')
    if [ -n "$token" ]; then options+=(--header "Authorization: Bearer $token"); fi
    if [ $# -gt 3 ]; then options+=(--header 'Content-Type: application/json' --data-binary @-); fi
    answer=$(curl "${options[@]}" "$(address "$path")" <<<"${4:-}") || fail "$url does not answer; is \`make run\` up?"
    status=${answer##*$'\n'}
    answer=${answer%"$status"}
    case $status in
        2??) printf '%s' "${answer%$'\n'}" ;;
        *) fail "$method $path: $status $(jq -r '"\(.code): \(.detail) \(.errors // "")"' <<<"$answer" 2>/dev/null || true)" ;;
    esac
}

# Runs a command until it succeeds; what it prints is the result.
wait_until() { # wait_until WHAT COMMAND…
    local what=$1 result
    shift
    local end=$((SECONDS + patience)) shown=$((SECONDS + 2))
    while ! result=$("$@" 2>/dev/null); do
        [ "$SECONDS" -lt "$end" ] || fail "waited $patience s in vain for $what"
        if [ "$SECONDS" -ge "$shown" ]; then
            printf '   … waiting for %s\n' "$what" >&2
            shown=$((SECONDS + 5))
        fi
        sleep 0.2
    done
    printf '%s' "$result"
}

login() { # login USER
    request '' POST /lang/api/auth "$(jq -n --arg user "$1" --arg password "$password" '{username: $user, password: $password}')" |
        jq -r .token
}

# The application as it is, if it is in this state.
application_in() { # application_in TOKEN STATUS
    local application
    application=$(request "$1" GET "/lang/api/applications/$application_id")
    jq -e --arg status "$2" 'select(.status == $status)' <<<"$application"
}

# A payment whose page can be opened.
open_payment() {
    local payments
    payments=$(request "$citizen" GET "/lang/api/payments?remote_id=$application_id")
    jq -e 'map(select(.status == "PAYMENT_PENDING" or .status == "PAYMENT_STARTED"))[0] | select(.)' <<<"$payments"
}

# Where an address sends the browser, as curl sees it without following.
redirect_of() { # redirect_of URL [CURL-OPTIONS…]
    local target
    target=$(curl --silent --show-error --output /dev/null --write-out '%{redirect_url}' "${@:2}" "$1")
    [ -n "$target" ] || fail "no redirect came from the payment's page"
    printf '%s' "$target"
}

# A file as transitions and messages carry it: base64 inside the JSON.
carried() { # carried NAME
    base64 <"$work/plan.pdf" | tr -d '\n' |
        jq -R --arg name "$1" '{name: $name, mime_type: "application/pdf", file: .}'
}

transition() { # transition TOKEN NAME JSON
    request "$1" POST "/lang/api/applications/$application_id/transition/$2" "$3"
}

# The smallest file that is a PDF.
printf '%s\n' '%PDF-1.4' '1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj' '2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj' \
    'trailer<</Root 1 0 R>>' '%%EOF' >"$work/plan.pdf"

step 'The citizen logs in, looks at the services and at the form'
citizen=$(login "$citizen_name")
request "$citizen" GET /lang/api/services | jq -r '.[] | "   \(.id)  \(.name)"'
request "$citizen" GET "/lang/api/services/$service/form" |
    jq -r '"   the form is a \(.display) of \(.components | length) pages: \([.components[].title] | join(", "))"'

step 'He uploads a plan, in three steps: announce, send, confirm'
size=$(wc -c <"$work/plan.pdf")
begun=$(request "$citizen" POST /lang/it/upload "$(jq -n --argjson size "$size" '{
    name: "planimetria.pdf", original_filename: "planimetria.pdf", size: $size, mime_type: "application/pdf",
    description: "Planimetria", protocol_required: true}')")
file_id=$(jq -r .id <<<"$begun")
file_uri=$(jq -r .uri <<<"$begun")
# The address is the permission: no token goes with the bytes.
curl --silent --show-error --fail --output /dev/null --upload-file "$work/plan.pdf" \
    --header 'Content-Type: application/pdf' "$file_uri"
hash=$(sha256sum "$work/plan.pdf" | cut -d ' ' -f 1)
request "$citizen" PUT "/lang/it/upload/$file_id" "$(jq -n --arg hash "$hash" '{file_hash: $hash, check_signature: false}')" |
    jq -r '"   \(.name), \(.size) bytes, sha256 \(.file_hash)"'

step 'He sends the application'
# The data are nested as Form.io nests them; the file is named in the field of the form.
body=$(jq --arg service "$service" --arg id "$file_id" --arg uri "$file_uri" --arg hash "$hash" --argjson size "$size" '
    .site_plan = [{name: "planimetria.pdf", originalName: "planimetria.pdf", type: "application/pdf", size: $size,
                   url: $uri, hash: $hash, data: {id: $id, uri: $uri}}]
    | {service: $service, data: .}' "$here/forms/occupazione-suolo-pubblico.submission.json")
sent=$(request "$citizen" POST /lang/api/applications "$body")
application_id=$(jq -r .id <<<"$sent")
jq '{id, status, status_name, payment_data: (.payment_data | {reason, amount, expire_at, attempt})}' <<<"$sent"

step 'The payment is made, and he pays on the page of the intermediary (the sandbox)'
payment=$(wait_until 'the payment' open_payment)
jq '{id, status, amount: .payment.amount, notice_code: .payment.notice_code, begin: .links.online_payment_begin.url}' <<<"$payment"
page=$(redirect_of "$(jq -r .links.online_payment_begin.url <<<"$payment")")
note "the page: $page"
curl --silent --show-error --fail "$page" | grep -oE 'name="action" value="[a-z]+"' | sed 's/^/   a button: /'
landing=$(redirect_of "$page" --data action=pay)
note "paid; the browser goes on to $landing"
home=$(redirect_of "$landing")
note "and from there to $home"

step 'The application is acquired and registered'
registered=$(wait_until 'the protocol number (3000)' application_in "$citizen" 3000)
jq '{status, protocol_number, protocol_folder_number, protocolled_at}' <<<"$registered"
pdf_url=$(jq -r '.compiled_modules[0].url' <<<"$registered")
curl --silent --show-error --fail --header "Authorization: Bearer $citizen" --output "$work/application.pdf" "$(address "$pdf_url")"
note "its PDF: $(wc -c <"$work/application.pdf") bytes, $(head -c 8 "$work/application.pdf")"
if command -v pdftotext >/dev/null; then
    pdftotext -layout "$work/application.pdf" - | grep -v '^[[:space:]]*$' | awk 'NR <= 12 { print "   | " $0 }'
fi

step 'The operator finds it, takes it, and asks for what is missing'
operator=$(login "$operator_name")
request "$operator" GET "/lang/api/applications?service_id=$service&status=3000&limit=5&sort=DESC" |
    jq -r '"   registered and not assigned: \(.meta.count); the newest is \(.data[0].id)"'
transition "$operator" assign '{}'
wait_until 'the assignment (4000)' application_in "$operator" 4000 >/dev/null
note 'assigned (4000)'
transition "$operator" request-integration "$(carried modulo.pdf |
    jq '{message: "Manca la planimetria firmata.", attachments: [.]}')"
wait_until 'the registration of the request (4200)' application_in "$citizen" 4200 >/dev/null
note 'the request is registered (4200)'

step 'The citizen answers with a message and a file'
request "$citizen" POST "/lang/api/applications/$application_id/messages" "$(carried planimetria-firmata.pdf |
    jq '{message: "Ecco la planimetria firmata.", visibility: "applicant", attachments: [.]}')" | jq '{id, message, visibility}'
transition "$citizen" submit '{}'
wait_until 'the registration of the answer (4000)' application_in "$operator" 4000 >/dev/null
note 'the answer is registered, the application is back with the operator (4300, 4400, 4000)'

step 'The operator accepts, with a message and a file'
transition "$operator" accept "$(carried autorizzazione.pdf |
    jq '{message: "Autorizzazione concessa.", attachments: [.]}')"
ended=$(wait_until 'the registration of the outcome (7000)' application_in "$citizen" 7000)
jq '{status, outcome, outcome_motivation, outcome_protocol_number, outcome_protocolled_at}' <<<"$ended"

step 'What the history says'
request "$operator" GET "/lang/api/applications/$application_id/history" |
    jq -r '.[] | "   \(.status_code)  \(.status_name)"'

step 'What was written'
request "$citizen" GET "/lang/api/applications/$application_id/messages" |
    jq -r '.[] | "   \(.created_at)  \(.message | gsub("<[^>]*>"; " ") | gsub("\\s+"; " ") | .[0:100])"'

step 'What the operator may do now'
request "$operator" GET "/lang/api/applications/$application_id" |
    jq -r '.links[] | "   \(.action)  \(.url)"'

# The mails of this run, to a person.
mails_to() { # mails_to ADDRESS COUNT
    local found
    found=$(find "$data_dir/mail" -name '*.eml' -newer "$work/begun" -exec grep -l "^To:.*$1" {} +)
    [ "$(wc -l <<<"$found")" -ge "$2" ] && printf '%s\n' "$found"
}

# A header of a mail, unfolded and decoded.
header_of() { # header_of NAME FILE
    perl -CO -MEncode -0777 -ne '
        BEGIN { $name = shift }
        s/\r?\n\r?\n.*//s; s/\r?\n[ \t]+/ /g;
        print decode("MIME-Header", $1) if /^$name: (.*?)\r?$/m' "$1" "$2"
}

step 'Who got mail'
if [ -d "$data_dir/mail" ]; then
    # At payment pending, registered, taken in charge, integrations asked for, accepted.
    wait_until "the citizen's five mails in $data_dir/mail" mails_to mario.rossi@example.org 5 >/dev/null
    wait_until "the operator's mails in $data_dir/mail" mails_to operatore@comune.bugliano.example 2 >/dev/null
    find "$data_dir/mail" -name '*.eml' -newer "$work/begun" | sort | while read -r mail; do
        note "$(header_of To "$mail"): $(header_of Subject "$mail")"
    done
else
    note "no folder $data_dir/mail here; OPENCITY_DATA_DIR names the data folder of the platform"
fi

step 'Every event of this application'
if command -v "$opencity" >/dev/null && [ -d "$data_dir" ]; then
    "$opencity" events tail --data-dir "$data_dir" --json --from start |
        jq -r --arg id "$application_id" 'select(any(.event.id, .event.remote_id, .event.related_entity_id; . == $id))
            | "   \(.position)  \(.topic)  \(.event.app_id)  \(.event.change.type) \(.event.change.from // "–") → \(.event.change.to // "–")"'
else
    note 'the program or the data folder is not here; OPENCITY_BIN and OPENCITY_DATA_DIR name them'
fi

printf '\nDone: application %s is accepted and registered.\n' "$application_id"
