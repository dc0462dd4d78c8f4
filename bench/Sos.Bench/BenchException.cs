using System;

namespace Sos.Bench;

/// <summary>The bench cannot go on; the message says what to do.</summary>
internal class BenchException(string message) : Exception(message);
