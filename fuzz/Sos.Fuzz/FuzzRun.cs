using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Sos.Fuzz;

/// <summary>The finding of a run.</summary>
/// <param name="Number">Number of the input.</param>
/// <param name="Input">The input.</param>
/// <param name="Problem">What went wrong.</param>
public sealed record FuzzFinding(long Number, byte[] Input, string Problem);

/// <summary>The outcome of a run.</summary>
/// <param name="Executions">Inputs that were tried.</param>
/// <param name="Accepted">Those that the parser accepted.</param>
/// <param name="Finding">The first finding, which ended the run, or null.</param>
public sealed record FuzzResult(long Executions, long Accepted, FuzzFinding? Finding);

/// <summary>Tries inputs one after the other until something is found, or time or count is over.</summary>
public sealed class FuzzRun
{
    /// <summary>The longest that one input may take: far more than any needs, also on a busy machine.</summary>
    public static readonly TimeSpan HangAfter = TimeSpan.FromSeconds(30);

    private readonly FuzzTarget _target;
    private readonly Mutator _mutator;
    private readonly Action<long> _beforeEach;
    private readonly Lock _lock = new();
    private long _number;
    private long _startedAt;
    private byte[] _input = [];
    private long _accepted;
    private FuzzFinding? _finding;

    /// <summary>Prepares a run.</summary>
    /// <param name="target">The target.</param>
    /// <param name="seeds">One seed at least.</param>
    /// <param name="runSeed">What tells this run from others.</param>
    /// <param name="beforeEach">Called with the number of each input before it is tried.</param>
    public FuzzRun(FuzzTarget target, IReadOnlyList<byte[]> seeds, ulong runSeed, Action<long>? beforeEach = null)
    {
        _target = target;
        _mutator = new Mutator(seeds, runSeed, target.LengthMax);
        _beforeEach = beforeEach ?? (_ => { });
    }

    /// <summary>Tries one input on this thread.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Try(FuzzTarget target, byte[] input, out bool accepted)
    {
        try
        {
            accepted = target.Run(input);
            return null;
        }
        catch (Exception problem)
        {
            // Everything: whatever a parser throws beyond what its target expects is what this looks for.
            accepted = false;
            return problem.ToString();
        }
    }

    /// <summary>Runs.</summary>
    /// <param name="start">Number of the first input.</param>
    /// <param name="count">Inputs at most.</param>
    /// <param name="time">How long.</param>
    public FuzzResult Run(long start, long count, TimeSpan time)
    {
        _number = start;
        _startedAt = Stopwatch.GetTimestamp();
        Thread worker = new(() => Work(start, count, time), maxStackSize: 1 << 20) { IsBackground = true };
        worker.Start();
        while (!worker.Join(TimeSpan.FromMilliseconds(200)))
        {
            lock (_lock)
            {
                if (_finding is null && Stopwatch.GetElapsedTime(_startedAt) > HangAfter)
                {
                    string problem = $"does not end within {HangAfter.TotalSeconds} seconds";
                    return new FuzzResult(_number - start, _accepted, new FuzzFinding(_number, _input, problem));
                }
            }
        }

        return new FuzzResult(_number - start, _accepted, _finding);
    }

    private void Work(long start, long count, TimeSpan time)
    {
        long began = Stopwatch.GetTimestamp();
        for (long number = start; number - start < count && Stopwatch.GetElapsedTime(began) < time; number++)
        {
            byte[] input = _mutator.Make(number);
            lock (_lock)
            {
                _number = number;
                _input = input;
                _startedAt = Stopwatch.GetTimestamp();
            }

            _beforeEach(number);
            string? problem = Try(_target, [.. input], out bool accepted);
            lock (_lock)
            {
                _number = number + 1;
                _accepted += accepted ? 1 : 0;
                if (problem is not null)
                {
                    _finding = new FuzzFinding(number, input, problem);
                    return;
                }
            }
        }
    }
}
