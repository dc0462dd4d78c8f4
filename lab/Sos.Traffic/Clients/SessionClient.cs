using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Traffic.Clients;

/// <summary>
/// An interactive session: a program (ssh to the machine) whose far end sends back each line it gets. A keystroke is a line with
/// a number; it is answered when that number comes back. A session that breaks is opened anew, as a user would.
/// </summary>
/// <param name="command">Program and arguments of the session; its standard streams are the terminal.</param>
internal sealed class SessionClient(string[] command) : IDisposable
{
    private readonly ConcurrentDictionary<long, TaskCompletionSource> _open = new();
    private readonly Lock _gate = new();
    private Process? _process;

    /// <summary>How often the session was opened.</summary>
    public int Opened { get; private set; }

    /// <summary>Types one keystroke.</summary>
    /// <returns>Whether its echo came.</returns>
    public async Task<bool> AskAsync(long number, CancellationToken cancelled)
    {
        TaskCompletionSource echoed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[number] = echoed;
        try
        {
            Type(number);
            await echoed.Task.WaitAsync(cancelled);
            return true;
        }
        catch (Exception problem) when (problem is IOException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            _ = _open.TryRemove(number, out _);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            Close();
        }
    }

    private void Type(long number)
    {
        lock (_gate)
        {
            if (_process is null or { HasExited: true })
            {
                Close();
                Open();
            }

            _process!.StandardInput.Write(number.ToString(CultureInfo.InvariantCulture) + "\n");
            _process.StandardInput.Flush();
        }
    }

    private void Open()
    {
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        Opened++;
        _ = ReadAsync(_process.StandardOutput);
    }

    private void Close()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }

        _process?.Dispose();
        _process = null;
    }

    private async Task ReadAsync(StreamReader output)
    {
        try
        {
            while (await output.ReadLineAsync() is { } line)
            {
                if (long.TryParse(line, CultureInfo.InvariantCulture, out long number)
                    && _open.TryRemove(number, out TaskCompletionSource? echoed))
                {
                    _ = echoed.TrySetResult();
                }
            }
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException)
        {
            // The session ended.
        }
    }
}
