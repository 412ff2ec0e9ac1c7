// Tries what it is told to with paths and descriptors, and prints the code of each. Part of `paths_p2.rs` and
// `paths_p3.rs`, which say what differs: `call!` waits for an operation, `text!` is how a path is handed over.
//
// Each argument is an attack: an operation, the number of a preopened directory, a path, and what else there is to
// say, with `|` between. `%` and two digits stand for a byte. See `attack`.

fn field(fields: &[String], at: usize) -> &str {
    fields.get(at).map_or("", String::as_str)
}

/// How a file is opened: words with commas between.
fn how(words: &str) -> (PathFlags, OpenFlags, DescriptorFlags) {
    let (mut path, mut open, mut descriptor) =
        (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::empty());
    for word in words.split(',') {
        match word {
            "follow" => path = path | PathFlags::SYMLINK_FOLLOW,
            "create" => open = open | OpenFlags::CREATE,
            "exclusive" => open = open | OpenFlags::EXCLUSIVE,
            "truncate" => open = open | OpenFlags::TRUNCATE,
            "directory" => open = open | OpenFlags::DIRECTORY,
            "read" => descriptor = descriptor | DescriptorFlags::READ,
            "write" => descriptor = descriptor | DescriptorFlags::WRITE,
            "mutate" => descriptor = descriptor | DescriptorFlags::MUTATE_DIRECTORY,
            _ => assert!(word.is_empty()),
        }
    }
    (path, open, descriptor)
}

async fn open(root: &Descriptor, path: &str, words: &str) -> Result<Descriptor, ErrorCode> {
    let (path_flags, open_flags, flags) = how(words);
    call!(root.open_at(path_flags, text!(path), open_flags, flags))
}

fn kind(of: DescriptorType) -> String {
    match of {
        DescriptorType::Directory => "directory",
        DescriptorType::RegularFile => "file",
        DescriptorType::SymbolicLink => "link",
        _ => "other",
    }
    .to_owned()
}

fn shown(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Does what `fields` say and answers what came of it.
async fn attack(roots: &[&Descriptor], fields: &[String]) -> Result<String, ErrorCode> {
    let word = |at| field(fields, at);
    let number = |at| word(at).parse::<u64>().unwrap();
    let root = |at| roots[number(at) as usize];
    let path_flags = |at| how(word(at)).0;
    let ok = |()| "ok".to_owned();
    let said = match word(0) {
        // open|ROOT|PATH|HOW: what it is.
        "open" => kind(call!(open(root(1), word(2), word(3)).await?.get_type())?),
        // read|ROOT|PATH|OFFSET: its contents from there.
        "read" => shown(read(&open(root(1), word(2), "follow,read").await?, number(3)).await?),
        // write|ROOT|PATH|HOW|OFFSET: one byte there.
        "write" => write(&open(root(1), word(2), word(3)).await?, number(4)).await.map(ok)?,
        // peek|ROOT|PATH|HOW: its contents, opened as said.
        "peek" => shown(read(&open(root(1), word(2), word(3)).await?, 0).await?),
        "stat" => kind(call!(root(1).stat_at(path_flags(3), text!(word(2))))?.type_),
        "mkdir" => call!(root(1).create_directory_at(text!(word(2)))).map(ok)?,
        "rmdir" => call!(root(1).remove_directory_at(text!(word(2)))).map(ok)?,
        "unlink" => call!(root(1).unlink_file_at(text!(word(2)))).map(ok)?,
        // rename|ROOT|PATH|ROOT|PATH
        "rename" => call!(root(1).rename_at(text!(word(2)), root(3), text!(word(4)))).map(ok)?,
        // link|ROOT|PATH|ROOT|PATH|FOLLOW
        "link" => call!(root(1).link_at(path_flags(5), text!(word(2)), root(3), text!(word(4)))).map(ok)?,
        // symlink|ROOT|PATH|TARGET
        "symlink" => call!(root(1).symlink_at(text!(word(3)), text!(word(2)))).map(ok)?,
        "readlink" => call!(root(1).readlink_at(text!(word(2))))?,
        // size|ROOT|PATH|SIZE
        "size" => call!(open(root(1), word(2), "write").await?.set_size(number(3))).map(ok)?,
        // times|ROOT|PATH|SECONDS|NANOSECONDS
        "times" => {
            let (access, modified) = (time(word(3), word(4)), time(word(3), word(4)));
            call!(root(1).set_times_at(PathFlags::empty(), text!(word(2)), access, modified)).map(ok)?
        }
        "hash" => call!(root(1).metadata_hash_at(path_flags(3), text!(word(2)))).map(|_| ok(()))?,
        // list|ROOT|PATH: all names, sorted.
        "list" => {
            let directory = open(root(1), word(2), "directory,read").await?;
            let mut names = Vec::new();
            let mut listing = Listing::new(&directory)?;
            while let Some(name) = listing.next().await? {
                names.push(name);
            }
            names.sort();
            names.join(" ")
        }
        // sweep|ROOT|PATH: removes each file as it is listed; how many there were.
        "sweep" => {
            let directory = open(root(1), word(2), "directory,read,mutate").await?;
            let (mut count, mut listing) = (0, Listing::new(&directory)?);
            while let Some(name) = listing.next().await? {
                call!(directory.unlink_file_at(text!(&name)))?;
                count += 1;
            }
            format!("{count}")
        }
        // again: the grants, when all handles to them that it was given now are gone.
        "again" => {
            drop(get_directories());
            format!("{}", get_directories().len())
        }
        // reuse|ROOT|PATH|PATH: what the second is, opened when the first is closed.
        "reuse" => {
            drop(open(root(1), word(2), "read").await?);
            shown(read(&open(root(1), word(3), "read").await?, 0).await?)
        }
        // stale|ROOT|PATH: reads a file that is closed.
        "stale" => {
            let file = open(root(1), word(2), "read").await?;
            // Another that says it is the same.
            let stale = unsafe { Descriptor::from_handle(file.handle()) };
            drop(file);
            shown(read(&stale, 0).await?)
        }
        // stale-grant: looks into a directory whose handle it has given up.
        "stale-grant" => {
            let (grant, _) = get_directories().remove(0);
            let stale = unsafe { Descriptor::from_handle(grant.handle()) };
            drop(grant);
            kind(call!(stale.get_type())?)
        }
        // in|ROOT|PATH|HOW|…: the rest, with that as the only root.
        "in" => {
            let inner = open(root(1), word(2), word(3)).await?;
            Box::pin(attack(&[&inner], &fields[4..])).await?
        }
        _ => panic!(),
    };
    Ok(said)
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push(u8::from_str_radix(&part[..2], 16).unwrap().into());
        all.push_str(&part[2..]);
    }
    all
}

/// Tries all of `attacks`; a line for each.
async fn try_all(attacks: &[String]) -> String {
    let preopened = get_directories();
    let roots: Vec<&Descriptor> = preopened.iter().map(|(directory, _)| directory).collect();
    let mut said = String::new();
    for text in attacks {
        let fields: Vec<String> = text.split('|').map(decoded).collect();
        said += &match attack(&roots, &fields).await {
            Ok(what) => what,
            Err(code) => format!("! {}", name(code)),
        };
        said.push('\n');
    }
    said
}
