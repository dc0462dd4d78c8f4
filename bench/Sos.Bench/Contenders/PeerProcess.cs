using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Bench.Workloads;

namespace Sos.Bench.Contenders;

/// <summary>A peer's program: it waits for commands on its standard input (bench/peers/peer.h).</summary>
internal sealed class PeerProcess : IContender
{
    private readonly Process _process;
    private readonly string _verdictsPath;
    private readonly string _function;
    private readonly string? _harness;
    private readonly TimeSpan _limit;

    /// <summary>Starts a peer.</summary>
    /// <param name="name">Its name in tables.</param>
    /// <param name="workload">What it runs.</param>
    /// <param name="command">Program and arguments.</param>
    /// <param name="function">What a block runs.</param>
    /// <param name="limit">How long it may take to get ready, its tables included, and for each answer.</param>
    /// <param name="harness">What is to be subtracted, or null.</param>
    /// <exception cref="BenchException">It cannot run here.</exception>
    /// <exception cref="PeerTooSlowException">It is not ready after the limit; it was ended.</exception>
    public PeerProcess(
        string name, Workload workload, Placement placement, IEnumerable<string> command, string function, TimeSpan limit, string? harness = null)
        : this(name, workload.PathOf("verdicts"), placement, command, function, limit, harness)
    {
    }

    /// <param name="name">Its name in tables.</param>
    /// <param name="verdictsPath">Where it is to write its verdicts.</param>
    /// <param name="placement">Where it runs.</param>
    /// <param name="command">Program and arguments.</param>
    /// <param name="function">What a block runs.</param>
    /// <param name="limit">How long it may take to get ready, its tables included, and for each answer.</param>
    /// <param name="harness">What is to be subtracted, or null.</param>
    /// <inheritdoc cref="PeerProcess(string, Workload, Placement, IEnumerable{string}, string, TimeSpan, string?)"/>
    public PeerProcess(
        string name, string verdictsPath, Placement placement, IEnumerable<string> command, string function, TimeSpan limit, string? harness = null)
    {
        Name = name;
        _limit = limit;
        _verdictsPath = verdictsPath;
        _function = function;
        _harness = harness;
        string[] line = placement.Wrap(command).ToArray();
        ProcessStartInfo start = new(line[0]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in line.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        long since = Stopwatch.GetTimestamp();
        while (ReadLine(limit - Stopwatch.GetElapsedTime(since)) is { } said)
        {
            if (said == "ready")
            {
                return;
            }

            Greeting += said + "\n";
        }

        throw new BenchException($"{name} does not start: {Greeting}{_process.StandardError.ReadToEnd()}");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Lines that it said before it was ready.</summary>
    public string Greeting { get; } = string.Empty;

    /// <inheritdoc/>
    public bool JudgesByCount { get; init; }

    /// <inheritdoc/>
    public byte[] Judge()
    {
        string answer = Ask($"verdicts {_verdictsPath}");
        return answer == "done" ? File.ReadAllBytes(_verdictsPath) : throw new BenchException($"{Name}: {answer}");
    }

    /// <inheritdoc/>
    public double Run(int burst, int packets) => Block(_function, burst, packets);

    /// <inheritdoc/>
    public double RunHarness(int burst, int packets) => _harness is null ? 0 : Block(_harness, burst, packets);

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private double Block(string function, int burst, int packets)
    {
        string answer = Ask($"run {function} {burst} {packets}");
        return double.TryParse(answer, CultureInfo.InvariantCulture, out double ns) && ns >= 0
            ? ns / packets
            : throw new BenchException($"{Name}: {answer}");
    }

    private string Ask(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
        return ReadLine(_limit) ?? throw new BenchException($"{Name} ended: {_process.StandardError.ReadToEnd()}");
    }

    // A peer that says nothing in time is ended: nobody waits for it any more.
    private string? ReadLine(TimeSpan limit)
    {
        Task<string?> line = _process.StandardOutput.ReadLineAsync();
        if (line.Wait(limit > TimeSpan.Zero ? limit : TimeSpan.Zero))
        {
            return line.Result;
        }

        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        throw new PeerTooSlowException(Name, _limit);
    }
}

/// <summary>A peer had nothing to say within its limit.</summary>
/// <param name="name">Its name.</param>
/// <param name="limit">The limit.</param>
internal sealed class PeerTooSlowException(string name, TimeSpan limit)
    : BenchException($"{name} was left out: it was not done after {limit.TotalSeconds:N0} s, most of it for building its tables");
