namespace Sos.Lab;

/// <summary>How a command in the guest or on the host ended.</summary>
/// <param name="Command">The command line.</param>
/// <param name="ExitCode">Its exit code; 128 + signal for a killed one.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Error">What it wrote to standard error.</param>
public sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Standard output without white space around it.</summary>
    public string Text => Output.Trim();

    /// <summary>Returns this result if the command succeeded.</summary>
    /// <exception cref="LabException">The exit code is not 0.</exception>
    public CommandResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new LabException($"'{Command}' ended with {ExitCode}\n{Output}{Error}");
}
