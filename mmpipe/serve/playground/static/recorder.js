// An audio worklet: hands on what the microphone gives.
registerProcessor("mmpipe-recorder", class extends AudioWorkletProcessor {
  process([input]) {
    if (input[0]) this.port.postMessage(input[0].slice(0));
    return true;
  }
});
