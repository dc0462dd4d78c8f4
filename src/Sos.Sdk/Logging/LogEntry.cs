using Sos.Sdk.Control;

namespace Sos.Sdk.Logging;

/// <summary>A log record as the Linux side reads it.</summary>
/// <param name="Number">Number of the record since the service's start, from 0.</param>
/// <param name="Tsc">When, by the TSC.</param>
/// <param name="Severity">How grave.</param>
/// <param name="Text">The text.</param>
/// <param name="Value">A number that belongs to the text.</param>
public readonly record struct LogEntry(ulong Number, ulong Tsc, LogSeverity Severity, string Text, ulong Value);
