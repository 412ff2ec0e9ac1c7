#[derive(Default)]
struct State {
    table: ResourceTable,
    lines: Vec<String>,
}

struct Counter(u32);

/// Gives a component counters and a log, and has it count.
pub fn count(bytes: &[u8], line: &str, from: u32) -> Result<(u32, Vec<String>), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let component = Component::new(&engine, bytes)?;

    let mut linker = Linker::new(&engine);
    let mut counters = linker.instance("example:host/counters")?;
    counters.resource("counter", ResourceType::host::<Counter>(), |mut store: StoreContextMut<'_, State>, rep| {
        store.data_mut().table.delete(Resource::<Counter>::new_own(rep))?;
        Ok(())
    })?;
    counters.func_wrap("[constructor]counter", |mut store: StoreContextMut<'_, State>, (from,): (u32,)| {
        Ok((store.data_mut().table.push(Counter(from))?,))
    })?;
    counters.func_wrap(
        "[method]counter.next",
        |mut store: StoreContextMut<'_, State>, (counter,): (Resource<Counter>,)| {
            let counter = store.data_mut().table.get_mut(&counter)?;
            counter.0 += 1;
            Ok((counter.0,))
        },
    )?;
    linker.root().func_wrap("log", |mut store: StoreContextMut<'_, State>, (line,): (String,)| {
        store.data_mut().lines.push(line);
        Ok(())
    })?;

    let mut store = Store::new(&engine, State::default());
    let instance = linker.instantiate(&mut store, &component)?;
    let count = instance.get_typed_func::<(String, u32), (u32,)>(&mut store, "count")?;
    let (last,) = count.call(&mut store, (line.to_string(), from))?;

    assert!(store.data().table.is_empty());
    Ok((last, std::mem::take(&mut store.data_mut().lines)))
}
