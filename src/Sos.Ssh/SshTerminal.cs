namespace Sos.Ssh;

/// <summary>A channel's terminal.</summary>
/// <param name="IsThere">Whether the client asked for one.</param>
/// <param name="Columns">Columns, or 0 if the client does not say.</param>
/// <param name="Rows">Rows, or 0 if the client does not say.</param>
public readonly record struct SshTerminal(bool IsThere, ushort Columns, ushort Rows);
