(function () {
  'use strict';
  var d = document, sent = false;
  // An answer with errors: go where they are listed.
  var sum = d.querySelector('.t-error-summary');
  if (sum) sum.focus();
  // One press, one request; a page brought back from the history may send again.
  addEventListener('pageshow', function () { sent = false; });
  d.addEventListener('submit', function (e) {
    if (sent) e.preventDefault();
    else { sent = true; setTimeout(function () { sent = false; }, 8000); }
  });
  // The answer to a post that is a page of its own: going back or reloading asks
  // for it by its address.
  var at = d.querySelector('[data-at]'), left = d.querySelector('[data-left]');
  if (at && history.replaceState) history.replaceState(null, '', at.getAttribute('data-at'));
  // How long a place is kept, counted down; when it is over the page says so.
  if (left) {
    var end = Date.now() + left.getAttribute('data-left') * 1000;
    (function tick() {
      var s = Math.max(0, Math.round((end - Date.now()) / 1000));
      left.textContent = Math.floor(s / 60) + ':' + ('0' + s % 60).slice(-2);
      if (s) setTimeout(tick, 1000);
      else d.querySelector('[data-over]').hidden = false;
    })();
  }
  d.addEventListener('click', function (e) {
    if (e.target.closest && e.target.closest('[data-print]')) print();
  });
  d.querySelectorAll('[data-print],[data-scan]').forEach(function (b) { b.hidden = false; });
  // The code from the text message, where the browser offers it.
  var otp = d.querySelector('[autocomplete="one-time-code"]');
  if (otp && window.OTPCredential) {
    navigator.credentials.get({ otp: { transport: ['sms'] } }).then(function (c) {
      if (c && !otp.value) otp.value = c.code;
    }, function () {});
  }
  // A HES code from its square code, by camera.
  d.querySelectorAll('[data-scan]').forEach(function (b) {
    if (!navigator.mediaDevices) { b.hidden = true; return; }
    var box = b.parentNode, live;
    b.addEventListener('click', function () {
      if (live) return stop();
      var v = d.createElement('video');
      v.muted = true; v.setAttribute('playsinline', '');
      Promise.all([reader(), navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })])
        .then(function (r) {
          live = { v: v, s: r[1] };
          box.appendChild(v); v.srcObject = r[1];
          v.play().then(function () { look(v, r[0]); });
        }, function () { b.disabled = true; });
    });
    function stop() {
      live.s.getTracks().forEach(function (t) { t.stop(); });
      live.v.remove(); live = null;
    }
    function look(v, read) {
      if (!live) return;
      read(v).then(function (text) {
        var code = (text || '').replace(/[^0-9A-Za-z]/g, '').slice(-10).toUpperCase();
        if (code.length === 10) {
          var f = d.getElementById(b.getAttribute('data-scan'));
          f.value = code; stop(); f.focus();
        } else setTimeout(look, 200, v, read);
      });
    }
    function reader() {
      if (window.BarcodeDetector) {
        var det = new BarcodeDetector({ formats: ['qr_code'] });
        return Promise.resolve(function (v) {
          return det.detect(v).then(function (r) { return r[0] && r[0].rawValue; });
        });
      }
      return import(b.getAttribute('data-reader')).then(function () {
        var c = d.createElement('canvas'), x = c.getContext('2d');
        return function (v) {
          c.width = v.videoWidth; c.height = v.videoHeight;
          x.drawImage(v, 0, 0);
          var i = x.getImageData(0, 0, c.width, c.height), q = window.jsQR(i.data, c.width, c.height);
          return Promise.resolve(q && q.data);
        };
      });
    }
  });
})();
