using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Lab.Machine;

/// <summary>Reads a guest's serial console as it is written, and collects what the kernel complains of.</summary>
public sealed partial class ConsoleLog : IDisposable
{
    /// <summary>Lines from a complaint on that are worth telling: registers and call trace.</summary>
    private const int ReportLines = 50;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _lock = new();
    private readonly StringBuilder _text = new();
    private readonly List<string> _problems = [];
    private readonly List<int> _problemStarts = [];
    private readonly TaskCompletionSource<string> _panic = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _deadTimer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;

    internal ConsoleLog(string path)
    {
        Path = path;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>The file on the host.</summary>
    public string Path { get; }

    /// <summary>Everything so far.</summary>
    public string Text
    {
        get
        {
            lock (_lock)
            {
                return _text.ToString();
            }
        }
    }

    /// <summary>Lines with which the kernel reports an oops, a panic, a warning, a lockup or a stall.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_lock)
            {
                return [.. _problems];
            }
        }
    }

    /// <summary>The console from a complaint on, for a person who has nothing else: registers and call trace.</summary>
    /// <param name="problem">Index into <see cref="Problems"/>.</param>
    public string Report(int problem)
    {
        lock (_lock)
        {
            string text = _text.ToString(_problemStarts[problem], _text.Length - _problemStarts[problem]);
            return string.Join('\n', text.Split('\n', ReportLines + 1)[..^1]);
        }
    }

    /// <summary>Ends with the line of the first panic.</summary>
    internal Task<string> Panicked => _panic.Task;

    /// <summary>Ends with the line in which Linux says that a CPU's timer is due and does not fire.</summary>
    internal Task<string> DeadTimer => _deadTimer.Task;

    /// <summary>Waits for a line.</summary>
    /// <param name="pattern">A regular expression, tried on everything the console has shown.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <returns>The match.</returns>
    /// <exception cref="TimeoutException">No such line in time.</exception>
    public async Task<Match> WaitForAsync(string pattern, TimeSpan timeout)
    {
        DateTime limit = DateTime.UtcNow + timeout;
        while (true)
        {
            Match match = Regex.Match(Text, pattern, RegexOptions.Multiline);
            if (match.Success)
            {
                return match;
            }

            if (DateTime.UtcNow > limit)
            {
                throw new TimeoutException($"the console did not show '{pattern}' within {timeout.TotalSeconds:0} s; see {Path}");
            }

            await Task.Delay(Interval);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Cancel();
        _reading.Wait();
        _end.Dispose();
    }

    [GeneratedRegex(
        @"BUG:|Oops|Kernel panic|WARNING: |general protection fault|soft lockup|hard LOCKUP|rcu.*(stall|starved)|"
        + @"blocked for more than|refcount_t:|UBSAN|KASAN|scheduling while atomic|unable to handle|invalid opcode")]
    private static partial Regex Problem();

    private async Task ReadAsync()
    {
        await using FileStream file = new(Path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(file, Encoding.UTF8);
        StringBuilder line = new();
        char[] buffer = new char[4096];
        bool last = false;
        while (true)
        {
            int count = await reader.ReadAsync(buffer);
            for (int index = 0; index < count; index++)
            {
                if (buffer[index] == '\n')
                {
                    AddLine(line.ToString().TrimEnd('\r'));
                    line.Clear();
                }
                else
                {
                    line.Append(buffer[index]);
                }
            }

            if (count == 0 && last)
            {
                AddLine(line.ToString());
                return;
            }

            if (count == 0)
            {
                await Task.Delay(Interval, CancellationToken.None);
                last = _end.IsCancellationRequested;
            }
        }
    }

    private void AddLine(string line)
    {
        lock (_lock)
        {
            if (Problem().IsMatch(line))
            {
                _problems.Add(line);
                _problemStarts.Add(_text.Length);
            }

            _text.Append(line).Append('\n');
        }

        if (line.Contains("timer wakeup didn't happen", StringComparison.Ordinal))
        {
            _ = _deadTimer.TrySetResult(line);
        }

        if (line.Contains("Kernel panic", StringComparison.Ordinal))
        {
            _ = _panic.TrySetResult(line);
        }
    }
}
