using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Lab;

/// <summary>Starts programs on the host that do not outlive the lab, whatever way the lab's process ends.</summary>
public static class HostProcess
{
    private static readonly BlockingCollection<Action> Launches = StartLauncher();

    /// <summary>Starts a program that the kernel kills when this process dies.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="redirect">True to read its output and write its input, false to share the terminal.</param>
    public static Process Start(IReadOnlyList<string> command, bool redirect = true)
    {
        ProcessStartInfo start = new("setpriv", ["--pdeathsig", "KILL", "--", .. command])
        {
            RedirectStandardInput = redirect,
            RedirectStandardOutput = redirect,
            RedirectStandardError = redirect,
        };
        TaskCompletionSource<Process> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Launches.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception problem)
            {
                started.SetException(problem);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="timeout">Limit, after which it is killed.</param>
    /// <exception cref="TimeoutException">It took longer than <paramref name="timeout"/>.</exception>
    public static async Task<CommandResult> RunAsync(IReadOnlyList<string> command, TimeSpan timeout)
    {
        using Process process = Start(command);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{string.Join(' ', command)}: no end within {timeout.TotalSeconds:0} s");
        }

        return new CommandResult(string.Join(' ', command), process.ExitCode, await output, await error);
    }

    // The kernel sends the parent's death signal when the *thread* that forked ends; hence one thread for all launches,
    // which lives as long as the process.
    private static BlockingCollection<Action> StartLauncher()
    {
        BlockingCollection<Action> launches = [];
        Thread thread = new(() =>
        {
            foreach (Action launch in launches.GetConsumingEnumerable())
            {
                launch();
            }
        })
        {
            IsBackground = true,
            Name = "launcher",
        };
        thread.Start();
        return launches;
    }
}
