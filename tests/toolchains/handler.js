// Answers with what it was asked, as JSON, and the contents in capitals.
async function answer(request) {
  const url = new URL(request.url);
  const contents = await request.text();
  const seen = {
    method: request.method,
    path: url.pathname,
    names: [...url.searchParams.keys()].sort(),
    contents: contents.toUpperCase(),
    squares: [1, 2, 3].map((n) => n * n),
  };
  return new Response(JSON.stringify(seen), {
    status: 200,
    headers: { "content-type": "application/json" },
  });
}

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
