// The little a screen's page does by itself. Without it a display reloads every
// ten seconds and a kiosk's keys are buttons of its form.
(function () {
  'use strict';
  var d = document, body = d.body, voice = body.getAttribute('data-voice');
  var board = d.getElementById('board');
  if (board) show(); else stand();

  // A display: fetch the changing part, put it in, speak what is new.
  function show() {
    var sound = d.getElementById('sound'), lost = d.getElementById('lost'), since = d.getElementById('since');
    var heard = {}, line = [], speaking = false, last = new Date(), words = {}, ctx;
    calls().forEach(function (c) { heard[c.getAttribute('data-call')] = true; });
    try { ctx = new (window.AudioContext || window.webkitAudioContext)(); } catch (e) { }
    // Browsers keep quiet until somebody has touched the page once, unless the
    // screen's browser was told otherwise (--autoplay-policy).
    if (ctx && ctx.state === 'suspended') {
      sound.hidden = false;
      sound.addEventListener('click', function () { ctx.resume(); sound.hidden = true; });
    }
    if (ctx) 'numara vezne 1 2 3 4 5 6 7 8 9 10 20 30 40 50 60 70 80 90 100 1000'.split(' ').forEach(function (w) {
      fetch(voice + w + '.opus').then(function (r) { return r.arrayBuffer(); })
        .then(function (b) { return ctx.decodeAudioData(b); })
        .then(function (b) { words[w] = b; }, function () { });
    });
    setTimeout(ask, 2000);
    setInterval(tick, 1000);

    function calls() { return [].slice.call(board.querySelectorAll('[data-call]')); }
    function ask() {
      var stop = window.AbortController ? new AbortController() : null;
      var late = setTimeout(function () { if (stop) stop.abort(); }, 8000);
      fetch(board.getAttribute('data-board') + '?part', { credentials: 'same-origin', signal: stop ? stop.signal : undefined })
        .then(function (r) {
          if (r.redirected || r.status === 404) { location.reload(); }
          if (!r.ok) throw r.status;
          return r.text();
        })
        .then(function (t) {
          board.innerHTML = t;
          last = new Date(); lost.hidden = true; body.classList.remove('t-stale');
          calls().reverse().forEach(function (c) {
            var k = c.getAttribute('data-call');
            if (heard[k]) return;
            heard[k] = true; line.push(c.getAttribute('data-say'));
          });
          if (line.length > 4) line = line.slice(-4); // after a silence only the newest
          speak();
        })
        .catch(function () {
          since.textContent = two(last.getHours()) + ':' + two(last.getMinutes());
          lost.hidden = false; body.classList.add('t-stale');
        })
        .then(function () { clearTimeout(late); setTimeout(ask, 2000); });
    }
    function two(n) { return (n < 10 ? '0' : '') + n; }
    // The clock runs on between answers; it is the server's, not the screen's.
    var shownAt, base;
    function tick() {
      var c = board.querySelector('[data-clock]');
      if (!c) return;
      var said = c.getAttribute('data-clock');
      if (said !== base) { base = said; shownAt = Date.now(); }
      var m = said.split(':'), t = (+m[0] * 60 + +m[1] + Math.floor((Date.now() - shownAt) / 60000)) % 1440;
      c.firstElementChild.textContent = two(Math.floor(t / 60)) + ':' + two(t % 60);
    }
    function speak() {
      if (speaking || !line.length) return;
      var say = line.shift().split(' ');
      body.setAttribute('data-spoken', say.join(' '));
      if (!ctx || ctx.state !== 'running') return speak();
      speaking = true;
      var t = chime(ctx.currentTime + 0.05);
      say.forEach(function (w) {
        var b = words[w];
        if (!b) return;
        var s = ctx.createBufferSource();
        s.buffer = b; s.connect(ctx.destination); s.start(t);
        t += Math.max(0.18, b.duration - 0.12);
      });
      setTimeout(function () { speaking = false; speak(); }, (t - ctx.currentTime + 0.4) * 1000);
    }
    // Two soft notes, the second lower.
    function chime(t) {
      [880, 660].forEach(function (f, i) {
        var o = ctx.createOscillator(), g = ctx.createGain(), at = t + i * 0.28;
        o.frequency.value = f; o.connect(g); g.connect(ctx.destination);
        g.gain.setValueAtTime(0.0001, at);
        g.gain.exponentialRampToValueAtTime(0.3, at + 0.02);
        g.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
        o.start(at); o.stop(at + 0.55);
      });
      return t + 0.75;
    }
  }

  // A kiosk: keys type without a round trip, a quiet page says it will go.
  function stand() {
    var typed = d.getElementById('typed'), quiet = d.getElementById('quiet'), sent = false;
    d.addEventListener('click', function (e) {
      var b = e.target.closest && e.target.closest('[data-key]');
      if (b && typed) {
        e.preventDefault();
        var k = b.getAttribute('data-key');
        typed.value = k === 'back' ? typed.value.slice(0, -1) : (typed.value + k).slice(0, 24);
      }
      if (e.target.closest && e.target.closest('[data-print]')) print();
    });
    d.addEventListener('submit', function (e) { if (sent) e.preventDefault(); sent = true; });
    addEventListener('pageshow', function (e) { sent = false; if (e.persisted) location.reload(); });
    [].forEach.call(d.querySelectorAll('[data-print]'), function (b) { b.hidden = false; });
    // A page nobody touches gives way to the first one; a quarter of the time
    // before, it says so.
    var after = +body.getAttribute('data-reload') * 1000, from = Date.now();
    if (!after) return;
    ['pointerdown', 'keydown', 'input'].forEach(function (e) { d.addEventListener(e, function () { from = Date.now(); }); });
    setInterval(function () {
      var still = Date.now() - from;
      if (quiet) quiet.hidden = still < after * 0.75;
      if (still >= after) { from = Date.now(); location.replace(body.getAttribute('data-to')); }
    }, 500);
  }
})();
