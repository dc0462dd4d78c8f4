using System;

namespace Sos.Traffic.Wire;

/// <summary>The wire cannot go on; the message says why.</summary>
public sealed class WireException(string message) : Exception(message);
