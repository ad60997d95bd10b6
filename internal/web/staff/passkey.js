// Passkeys are given to script alone. A form marked data-passkey="create" or
// "get" carries the options as data; pressing its button asks the device and
// sends the answer with the form.
(function () {
  'use strict';
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  var bytes = function (s) {
    var raw = atob(s.replace(/-/g, '+').replace(/_/g, '/'));
    var out = new Uint8Array(raw.length);
    for (var i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  };
  var text = function (buffer) {
    var raw = '', b = new Uint8Array(buffer);
    for (var i = 0; i < b.length; i++) raw += String.fromCharCode(b[i]);
    return btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  };
  var read = function (o) {
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    (o.excludeCredentials || []).concat(o.allowCredentials || []).forEach(function (c) { c.id = bytes(c.id); });
    return o;
  };
  var write = function (c) {
    var r = { clientDataJSON: text(c.response.clientDataJSON) };
    if (c.response.attestationObject) {
      r.attestationObject = text(c.response.attestationObject);
      r.transports = c.response.getTransports ? c.response.getTransports() : [];
    } else {
      r.authenticatorData = text(c.response.authenticatorData);
      r.signature = text(c.response.signature);
      if (c.response.userHandle) r.userHandle = text(c.response.userHandle);
    }
    return JSON.stringify({ id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: c.getClientExtensionResults(), authenticatorAttachment: c.authenticatorAttachment || undefined, response: r });
  };
  document.querySelectorAll('form[data-passkey]').forEach(function (form) {
    var part = form.closest('[data-passkey-part]');
    if (part) part.hidden = false;
    form.addEventListener('submit', function (e) {
      if (e.submitter && e.submitter.name === '_lang') return;
      e.preventDefault();
      var failed = form.querySelector('[data-passkey-failed]');
      if (failed) failed.hidden = true;
      var ask = { publicKey: read(JSON.parse(form.dataset.options)) };
      navigator.credentials[form.dataset.passkey](ask).then(function (c) {
        form.elements[form.dataset.field || 'credential'].value = write(c);
        form.submit();
      }).catch(function () {
        if (failed) { failed.hidden = false; failed.focus(); }
      });
    });
  });
})();
