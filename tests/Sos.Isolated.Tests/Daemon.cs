using System;
using System.Diagnostics;
using System.IO;
using System.Text;

namespace Sos.Isolated.Tests;

/// <summary>sosd as it was built, until it is disposed.</summary>
internal sealed class Daemon : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private Daemon(Process process) => _process = process;

    /// <summary>The lines that it has written so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts it, and returns when it says so. It finds the sosctl that was built beside it.</summary>
    /// <param name="place">The network namespace that it runs in; null for the tests' own.</param>
    public static Daemon Start(string? place = null)
    {
        // The tests' own folder, which is ours now, has what looks like a sosctl.
        string[] entering = place is null ? [] : ["ip", "netns", "exec", place];
        string[] line = [.. entering, Command.Metadata("Daemon")];
        ProcessStartInfo start = new(line[0], line[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment["SOS_RUNNER"] = Command.Metadata("Runner");
        start.Environment["PATH"] = $"{Path.GetDirectoryName(Command.Metadata("Ctl"))}:{Environment.GetEnvironmentVariable("PATH")}";
        Daemon daemon = new(Process.Start(start)!);
        daemon._process.OutputDataReceived += daemon.Hear;
        daemon._process.ErrorDataReceived += daemon.Hear;
        daemon._process.BeginOutputReadLine();
        daemon._process.BeginErrorReadLine();
        Command.Await(() => daemon.Log.Contains("started", StringComparison.Ordinal) || daemon._process.HasExited, "sosd does not start");
        Xunit.Assert.False(daemon._process.HasExited, daemon.Log);
        return daemon;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_log)
        {
            _log.AppendLine(line.Data);
        }
    }
}
