// One connection to the server for all tabs of a browser. A lock decides which tab listens; it
// passes on what it hears. Where there are no locks (plain HTTP), every tab listens for itself.

const NAMES = ["changed", "presence", "notify", "counts", "refresh", "settings"];
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 60_000;
const SIGN_OF_LIFE_MS = 30_000;
const SILENCE_MS_MAX = 130_000;
const GAP_MS_MAX = 60_000;

export class Connection {
  #url;
  #name;
  #hear;
  #tell;
  #channel;
  #source;
  #turn;
  #pulse;
  #retry;
  #retryMs = RETRY_MS_MIN;
  #lostAt = 0;
  #heardAt = 0;
  #hasMissed = false;

  /** Calls `hear` with the name and data of each event, `tell` with whether there is a connection. */
  constructor(url, name, hear, tell) {
    this.#url = url;
    this.#name = name;
    this.#hear = hear;
    this.#tell = tell;
  }

  get isLeader() {
    return Boolean(this.#source);
  }

  start() {
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#take(data);
    this.#pulse = setInterval(() => this.#beat(), SIGN_OF_LIFE_MS);
    this.#heardAt = Date.now();
    this.#queue();
    this.post({ ask: true });
  }

  stop() {
    clearInterval(this.#pulse);
    this.#turn?.abort();
    this.#hush();
    this.#channel.close();
  }

  /** Tells the other tabs something. */
  post(message) {
    this.#channel.postMessage(message);
  }

  #queue(steal = false) {
    if (!navigator.locks) return this.#listen();
    const turn = new AbortController();
    this.#turn = turn;
    const lead = () => {
      this.#listen();
      return new Promise((done) => turn.signal.addEventListener("abort", done));
    };
    navigator.locks.request(this.#name, steal ? { steal } : { signal: turn.signal }, lead).catch(() => {
      // Another tab took over while this one was asleep.
      if (turn.signal.aborted) return;
      this.#hush();
      this.#queue();
    });
  }

  #listen() {
    this.#source = new EventSource(this.#url);
    for (const event of NAMES) this.#source.addEventListener(event, ({ data }) => this.#share({ event, data: JSON.parse(data || "{}") }));
    this.#source.onopen = () => this.#opened();
    this.#source.onerror = () => this.#lost();
  }

  #opened() {
    if (this.#lostAt && Date.now() - this.#lostAt > GAP_MS_MAX) this.#hasMissed = true;
    this.#lostAt = 0;
    this.#retryMs = RETRY_MS_MIN;
    this.#share({ isConnected: true });
    if (this.#hasMissed) this.#share({ event: "refresh", data: {} });
    this.#hasMissed = false;
  }

  #lost() {
    this.#lostAt ||= Date.now();
    this.#share({ isConnected: false });
    // The browser tries again by itself and says where it stopped, unless the server refused.
    if (this.#source?.readyState !== EventSource.CLOSED) return;
    this.#hasMissed = true;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#listen(), this.#retryMs * (0.75 + Math.random() / 2));
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  #hush() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }

  #share(message) {
    if (navigator.locks) this.post(message);
    this.#handle(message);
  }

  #take(message) {
    if (message.ask) {
      if (this.#source) this.post({ isConnected: this.#source.readyState === EventSource.OPEN });
      return;
    }
    this.#heardAt = Date.now();
    // Whoever takes over from the tab that said this may have missed what came between.
    this.#hasMissed = true;
    this.#handle(message);
  }

  #handle({ event, data, isConnected }) {
    if (event) this.#hear(event, data);
    if (isConnected !== undefined) this.#tell(isConnected);
  }

  #beat() {
    if (this.#source) this.post({ isAlive: true });
    else if (!document.hidden && Date.now() - this.#heardAt > SILENCE_MS_MAX) {
      this.#heardAt = Date.now();
      this.#turn?.abort();
      this.#queue(true);
    }
  }
}
