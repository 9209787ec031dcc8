//! The list as a file, read by others: Python's own csv, zipfile and XML.

use actix_web::body::MessageBody;
use opencity_applications::store::application;
use opencity_kernel::context::ModuleContext;
use opencity_kernel::db::DbError;
use opencity_kernel::events::{Change, Topic};
use opencity_kernel::id::{ApplicationId, FormId};
use opencity_kernel::instant::Instant;
use serde_json::{Value, json};

use crate::world::{World, sample};
use crate::{app, call};

const SERVICE: &str = "segnalazione-disservizio";

/// Reads a CSV, a ZIP of them or a workbook: the rows of each table.
const READER: &str = r#"
import csv, io, json, sys, zipfile, xml.etree.ElementTree as xml
NS = {'m': 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'}
LINK = '{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id'
def rows(text): return list(csv.reader(io.StringIO(text, newline=''), strict=True))
def cell(c):
    text = ''.join(t.text or '' for t in c.iter('{%s}t' % NS['m']))
    number = c.find('m:v', NS)
    return text if number is None else number.text
def sheet(part):
    return [[cell(c) for c in row] for row in xml.fromstring(part).find('m:sheetData', NS)]
kind, path = sys.argv[1:]
if kind == 'csv':
    found = {'': rows(open(path, encoding='utf-8', newline='').read())}
else:
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None
    if kind == 'zip':
        found = {n: rows(archive.read(n).decode('utf-8')) for n in archive.namelist()}
    else:
        rels = xml.fromstring(archive.read('xl/_rels/workbook.xml.rels'))
        target = {r.get('Id'): r.get('Target') for r in rels}
        book = xml.fromstring(archive.read('xl/workbook.xml'))
        found = {s.get('name'): sheet(archive.read('xl/' + target[s.get(LINK)])) for s in book.find('m:sheets', NS)}
print(json.dumps(found))
"#;

/// What came, and in what pieces.
struct File {
    status: u16,
    kind: String,
    disposition: String,
    pieces: Vec<usize>,
    bytes: Vec<u8>,
}

impl File {
    /// The tables in it, as `kind` has them.
    fn tables(&self, kind: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, &self.bytes).unwrap();
        let read = std::process::Command::new("python3")
            .args(["-c", READER, kind])
            .arg(&path)
            .output()
            .expect("python3 is installed: scripts/setup test");
        assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
        serde_json::from_slice(&read.stdout).unwrap()
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.bytes).unwrap();
        body["code"].as_str().unwrap().to_owned()
    }
}

macro_rules! export {
    ($app:expr, $world:expr, $query:expr, $user:ident $(, $name:literal = $value:expr)*) => {{
        let request = actix_web::test::TestRequest::get()
            .uri(&format!("/lang/api/applications/export?{}", $query))
            .insert_header(("host", "localhost"))
            .insert_header(("authorization", format!("Bearer {}", $world.token($world.$user))))
            $(.insert_header(($name, $value)))*
            .to_request();
        let response = match actix_web::test::try_call_service(&$app, request).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response().map_into_boxed_body(),
        };
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (status, kind) = (response.status().as_u16(), header("content-type"));
        let disposition = header("content-disposition");
        let mut body = std::pin::pin!(response.into_body());
        let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
        while let Some(piece) = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await {
            let piece = piece.unwrap();
            pieces.push(piece.len());
            bytes.extend_from_slice(&piece);
        }
        File { status, kind, disposition, pieces, bytes }
    }};
}

/// The place of a column.
fn place(table: &Value, name: &str) -> usize {
    let head = table[0].as_array().unwrap();
    head.iter()
        .position(|cell| cell == name)
        .unwrap_or_else(|| panic!("{name} in {head:?}"))
}

#[actix_web::test]
async fn the_columns_are_those_of_all_versions_and_grids_are_tables_of_their_own() {
    let world = World::new().await;
    let app = app!(world);
    let mut data = sample(SERVICE);
    data["details"] = json!("=HYPERLINK(\"http://evil.example\", \"Clicca\")");
    data["objects"] = json!([{"object_type": "lamp", "object_code": "BG-1"}, {"object_type": "other", "object_code": "BG-2", "object_description": "a,\n\"b\""}]);
    let body = json!({"service": SERVICE, "data": data});
    let first = call!(app, world, POST "applications", citizen, body);
    assert_eq!(first.status, 201, "{}", first.text);
    let id = first.json["id"].as_str().unwrap().to_owned();

    // The next version asks for something else.
    let form: FormId = world.last_event(&id).await.payload["form"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let path = format!(
        "{}/../../examples/forms/{SERVICE}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let page = schema["components"][0]["components"]
        .as_array_mut()
        .unwrap();
    page.retain(|field| field["key"] != "dangers_details");
    page.push(json!({"type": "number", "key": "floor", "label": "Piano", "input": true}));
    let now = opencity_kernel::clock::now();
    // One that nobody answered came between.
    let mut between = schema.clone();
    between["components"][0]["components"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "textfield", "key": "stair", "label": "Scala", "input": true}));
    for (number, schema) in [(2, between), (3, schema)] {
        let version = json!({"id": form, "version": number, "schema": schema, "created_at": now, "updated_at": now});
        world
            .outside(Topic::Forms, form.uuid(), Change::data(), version)
            .await;
    }
    let mut data = sample(SERVICE);
    data["floor"] = json!(-1);
    data.as_object_mut().unwrap().remove("dangers_details");
    data["objects"] = json!([]);
    let body = json!({"service": SERVICE, "data": data});
    let second = call!(app, world, POST "applications", citizen, body);
    assert_eq!(second.status, 201, "{}", second.text);

    let file = export!(
        app,
        world,
        format!("format=csv&service={SERVICE}"),
        operator
    );
    assert_eq!((file.status, file.kind.as_str()), (200, "application/zip"));
    assert_eq!(
        file.disposition,
        "attachment; filename=\"segnalazione-disservizio.zip\""
    );
    let tables = file.tables("zip");
    let main = &tables["segnalazione-disservizio.csv"];
    assert_eq!(main.as_array().unwrap().len(), 3);
    assert_eq!(main[1][place(main, "id")], json!(id));
    assert_eq!(main[1][place(main, "status")], "1900");
    assert_eq!(
        main[1][place(main, "Descrizione")],
        "'=HYPERLINK(\"http://evil.example\", \"Clicca\")"
    );
    assert_eq!(main[1][place(main, "Pericoli")], "pedestrians");
    assert_eq!(main[1][place(main, "Piano")], "");
    assert_eq!(main[2][place(main, "Piano")], "-1");
    assert_eq!(main[2][place(main, "Scala")], "");
    // Gone from the newest version, kept where it was answered.
    assert_eq!(
        main[1][place(main, "Descrizione del pericolo")],
        "Attraversamento pedonale al buio"
    );
    assert_eq!(main[2][place(main, "Descrizione del pericolo")], "");
    let grid = &tables["segnalazione-disservizio-objects.csv"];
    assert_eq!(grid.as_array().unwrap().len(), 3);
    assert_eq!((&grid[2][0], &grid[2][1]), (&json!(id), &json!("2")));
    assert_eq!(grid[1][place(grid, "Codice o numero")], "BG-1");
    assert_eq!(
        grid[2][place(grid, "Descrizione dell’oggetto")],
        "a,\n\"b\""
    );

    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let file = export!(
        app,
        world,
        format!("service={SERVICE}"),
        operator,
        "accept" = xlsx
    );
    assert_eq!((file.status, file.kind.as_str()), (200, xlsx));
    let sheets = file.tables("xlsx");
    let main = &sheets["segnalazione-disservizio"];
    assert_eq!(
        main[1][place(main, "Descrizione")],
        "=HYPERLINK(\"http://evil.example\", \"Clicca\")"
    );
    assert_eq!(main[2][place(main, "Piano")], "-1");
    let grid = &sheets["Oggetti interessati"];
    assert_eq!(
        grid[2][place(grid, "Descrizione dell’oggetto")],
        "a,\n\"b\""
    );
}

#[actix_web::test]
async fn thousands_come_in_batches() {
    let world = World::new().await;
    let app = app!(world);
    let body = json!({"service": SERVICE, "data": sample(SERVICE)});
    let made = call!(app, world, POST "applications", citizen, body);
    let id: ApplicationId = made.json["id"].as_str().unwrap().parse().unwrap();
    let database = ModuleContext::new(
        std::sync::Arc::clone(&world.platform),
        opencity_applications::INFO,
    )
    .db;
    database
        .write::<_, DbError>(world.tenancy, move |scope| {
            let like = application::find(scope, id)?.unwrap();
            for number in 1..2100_i64 {
                let mut row = like.clone();
                row.id = ApplicationId::new();
                // Several at the same moment: the place in the list is by time and id.
                row.created_at = Instant::from_unix(like.created_at.unix() + number / 7);
                application::insert(scope, &row)?;
            }
            Ok(())
        })
        .await
        .unwrap();

    let file = export!(app, world, "format=ndjson&sort=DESC", operator);
    assert_eq!(file.kind, "application/x-ndjson");
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    let mut ids: Vec<String> = text
        .lines()
        .map(|line| {
            let one: Value = serde_json::from_str(line).unwrap();
            one["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let list = call!(app, world, GET "applications?sort=DESC&limit=1", operator);
    assert_eq!(list.json["data"][0]["id"], json!(ids[0]));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2100);
    // What is held at a time is a batch of 200.
    assert_eq!(file.pieces.len(), 11);
    let line = text.lines().map(str::len).max().unwrap() + 1;
    assert!(file.pieces.iter().all(|piece| *piece <= 200 * line));

    let file = export!(
        app,
        world,
        format!("format=csv&service={SERVICE}"),
        operator
    );
    let tables = file.tables("zip");
    for name in [
        "segnalazione-disservizio.csv",
        "segnalazione-disservizio-objects.csv",
    ] {
        assert_eq!(tables[name].as_array().unwrap().len(), 2101, "{name}");
    }
    let file = export!(
        app,
        world,
        format!("format=xlsx&service={SERVICE}"),
        operator
    );
    let sheets = file.tables("xlsx");
    assert_eq!(
        sheets["Oggetti interessati"].as_array().unwrap().len(),
        2101
    );
    // No piece grows with the file.
    let most = file.pieces.iter().max().unwrap();
    assert!(
        file.pieces.len() >= 5 && *most < file.bytes.len() / 3,
        "{:?}",
        file.pieces
    );
}

#[actix_web::test]
async fn the_file_has_what_the_list_shows_and_says_what_it_needs() {
    let world = World::new().await;
    let app = app!(world);
    let report = json!({"service": SERVICE, "data": sample(SERVICE)});
    assert_eq!(
        call!(app, world, POST "applications", citizen, report).status,
        201
    );
    assert_eq!(
        call!(app, world, POST "applications", anonymous, report).status,
        201
    );
    let external = json!({"external_system": "suap", "external_id": "1", "service_id": world.report, "status": "2000",
        "applicant": {"tax_identification_number": "RSSMRA80A01H501U", "name": "Mario", "family_name": "Rossi"}});
    assert_eq!(
        call!(app, world, POST "applications/external", system, external).status,
        201
    );

    let own = export!(app, world, "format=ndjson", citizen);
    let text = String::from_utf8(own.bytes.clone()).unwrap();
    let listed = call!(app, world, GET "applications", citizen);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(json!(lines), listed.json["data"]);
    assert_eq!(lines.len(), 2, "his own, the other system's too");
    assert!(
        export!(app, world, "format=ndjson", stranger)
            .bytes
            .is_empty()
    );
    let none = export!(
        app,
        world,
        "format=ndjson&createdAt[before]=2020-01-01",
        operator
    );
    assert_eq!((none.status, none.bytes.len()), (200, 0));

    let refused = |file: File| (file.status, file.code());
    let told = |status: u16, code: &str| (status, code.to_owned());
    let many = export!(app, world, "format=csv", operator);
    assert_eq!(refused(many), told(400, "bad-parameter"));
    let format = export!(
        app,
        world,
        format!("format=pdf&service={SERVICE}"),
        operator
    );
    assert_eq!(refused(format), told(400, "bad-parameter"));
    for (order, status) in [("name", 400), ("creationTime", 200)] {
        let path = format!("format=ndjson&order={order}");
        assert_eq!(
            export!(app, world, path, operator).status,
            status,
            "{order}"
        );
    }
    let accept = export!(
        app,
        world,
        format!("service={SERVICE}"),
        operator,
        "accept" = "image/png"
    );
    assert_eq!(refused(accept), told(406, "not-acceptable"));
    let foreign = export!(app, world, format!("service={SERVICE}"), colleague);
    assert_eq!(refused(foreign), told(403, "forbidden"));
    let unknown = export!(app, world, "service=nothing", operator);
    assert_eq!(refused(unknown), told(404, "not-found"));
}
