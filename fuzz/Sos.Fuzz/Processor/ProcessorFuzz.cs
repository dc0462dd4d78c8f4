using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Fuzz.Processor;

/// <summary>Counts the work of a run of the third witness.</summary>
/// <param name="Encodings">Encodings that were looked at.</param>
/// <param name="Allowed">Those of them that the verifier allows.</param>
/// <param name="Forms">Different forms that ran.</param>
/// <param name="Steps">Single instructions that ran and agreed.</param>
/// <param name="Faults">Single instructions that faulted.</param>
/// <param name="Programs">Programs that were drawn.</param>
/// <param name="Accepted">Those of them that the verifier accepts, and that ran and agreed.</param>
/// <param name="ProgramSteps">Instructions of programs that ran and agreed.</param>
internal sealed record ProcessorResult(long Encodings, long Allowed, int Forms, long Steps, long Faults, long Programs, long Accepted, long ProgramSteps);

/// <summary>The third witness: holds the verifier's transfer functions against the processor itself.</summary>
/// <param name="seed">What tells this run from others.</param>
/// <param name="progress">Told of steps and accepted programs so far, after each, by several threads.</param>
internal sealed class ProcessorFuzz(ulong seed, Action<long, long>? progress = null)
{
    private const int Bytes = 256;

    private readonly EncodingFilter _filter = new(SteppedProcess.CodeAt);
    private readonly HashSet<Iced.Intel.Code> _forms = [];
    private long _encodings;
    private long _allowed;
    private long _steps;
    private long _faults;

    /// <summary>Runs single instructions: a share of all encodings once, then allowed ones over again until there are enough steps.</summary>
    /// <param name="share">One encoding in so many is looked at; 1 for all.</param>
    /// <param name="steps">How many single steps must have agreed.</param>
    /// <param name="programs">How many programs at least are run that the verifier accepts.</param>
    /// <exception cref="FuzzException">The processor did something else than the verifier says.</exception>
    public ProcessorResult Run(int share, long steps, long programs)
    {
        RunSteps(share, steps);
        (long drawn, long accepted, long programSteps) = RunPrograms(programs);
        return new ProcessorResult(_encodings, _allowed, _forms.Count, _steps, _faults, drawn, accepted, programSteps);
    }

    private void RunSteps(int share, long steps)
    {
        using SteppedProcess process = new();
        StepCheck check = new(process);
        List<byte[]> allowed = Sweep(check, share);
        Random random = new((int)seed);
        while (_steps < steps && allowed.Count > 0)
        {
            Try(check, allowed[random.Next(allowed.Count)], random);
        }
    }

    /// <summary>Tries each encoding that is looked at once, and returns a sample of those that are allowed.</summary>
    private List<byte[]> Sweep(StepCheck check, int share)
    {
        const int SampleMax = 200_000;
        List<byte[]> sample = [];
        Random random = new((int)seed + 1);
        Span<byte> bytes = stackalloc byte[15];
        for (int head = 0; head < Encodings.Heads.Count; head++)
        {
            for (int rest = random.Next(share); rest < Bytes * Bytes; rest += share == 1 ? 1 : random.Next(1, 2 * share))
            {
                Encodings.Write(Encodings.Heads[head], (byte)(rest / Bytes), (byte)rest, random, bytes);
                _encodings++;
                if (_filter.IsAllowed(bytes, out Iced.Intel.Instruction i, out _))
                {
                    _allowed++;
                    _forms.Add(i.Code);
                    if (sample.Count < SampleMax || random.Next(4) == 0)
                    {
                        Put(sample, bytes.ToArray(), random, SampleMax);
                    }

                    Try(check, bytes, random);
                }
            }
        }

        return sample;
    }

    private static void Put(List<byte[]> sample, byte[] bytes, Random random, int most)
    {
        if (sample.Count < most)
        {
            sample.Add(bytes);
        }
        else
        {
            sample[random.Next(most)] = bytes;
        }
    }

    private void Try(StepCheck check, ReadOnlySpan<byte> bytes, Random random)
    {
        switch (check.Try(bytes, random))
        {
            case StepOutcome.Agreed:
                _steps++;
                progress?.Invoke(_steps, 0);
                break;
            case StepOutcome.Faulted:
                _faults++;
                break;
        }
    }

    /// <summary>Runs programs on all CPUs, each worker with a process of its own: a program depends on its number alone.</summary>
    private (long Drawn, long Accepted, long Steps) RunPrograms(long programs)
    {
        long drawn = 0;
        long accepted = 0;
        long steps = 0;
        bool isOver = false;
        void Work()
        {
            try
            {
                using SteppedProcess process = new();
                SequenceCheck sequences = new(process);
                EncodingFilter filter = new(SteppedProcess.CodeAt);
                while (!Volatile.Read(ref isOver) && Volatile.Read(ref accepted) < programs)
                {
                    if (RunProgram(sequences, filter, Interlocked.Increment(ref drawn) - 1))
                    {
                        long done = Interlocked.Increment(ref accepted);
                        progress?.Invoke(_steps, done);
                    }
                }

                Interlocked.Add(ref steps, sequences.Steps);
            }
            finally
            {
                // Done, or failed: no other goes on either.
                Volatile.Write(ref isOver, true);
            }
        }

        // A thread of its own for each: a process is stepped by the thread that took hold of it.
        IEnumerable<Task> workers = Enumerable.Range(0, Environment.ProcessorCount)
            .Select(_ => Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        Task.WhenAll([.. workers]).GetAwaiter().GetResult();
        return (drawn, accepted, steps);
    }

    /// <summary>Runs a program if the verifier accepts it, and returns whether it does.</summary>
    private bool RunProgram(SequenceCheck sequences, EncodingFilter filter, long number)
    {
        Random random = new(HashCode(seed, number));
        byte[] file = new RandomProgram(filter, random).Make();
        try
        {
            return sequences.Try(file, random);
        }
        catch (FuzzException e)
        {
            string saved = Path.Combine(Path.GetTempPath(), $"verifier-{seed}-{number}.sosimg");
            File.WriteAllBytes(saved, file);
            throw new FuzzException($"program {number}, saved as {saved}: {e.Message}");
        }
    }

    /// <summary>Tells every half minute how far a run is.</summary>
    private static Action<long, long> Teller()
    {
        long told = Stopwatch.GetTimestamp();
        return (steps, programs) =>
        {
            long last = Volatile.Read(ref told);
            if (Stopwatch.GetElapsedTime(last) > TimeSpan.FromSeconds(30)
                && Interlocked.CompareExchange(ref told, Stopwatch.GetTimestamp(), last) == last)
            {
                Console.WriteLine($"{steps} steps, {programs} programs");
            }
        };
    }

    private static int HashCode(ulong seed, long number) => (int)((seed * 0x9e37_79b9_7f4a_7c15) + ((ulong)number * 0xbf58_476d_1ce4_e5b9) >> 16);

    /// <summary>The command: <c>Sos.Fuzz processor [--share N] [--steps N] [--programs N] [--seed S]</c>.</summary>
    public static int RunCommand(string[] arguments)
    {
        Dictionary<string, long> options = new() { ["--share"] = 1, ["--steps"] = 10_000_000, ["--programs"] = 1_000_000, ["--seed"] = 20070612 };
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            if (!options.ContainsKey(arguments[i]) || !long.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                Console.Error.WriteLine("usage: Sos.Fuzz processor [--share N] [--steps N] [--programs N] [--seed S]");
                return 2;
            }

            options[arguments[i]] = value;
        }

        long began = Stopwatch.GetTimestamp();
        try
        {
            Console.WriteLine(File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("model name", StringComparison.Ordinal)));
            Console.WriteLine(new ProcessorFuzz((ulong)options["--seed"], Teller()).Run((int)options["--share"], options["--steps"], options["--programs"]));
            Console.WriteLine($"{Stopwatch.GetElapsedTime(began).TotalSeconds:f0} seconds, no difference");
            return 0;
        }
        catch (FuzzException e)
        {
            Console.WriteLine($"DIFFERENCE: {e.Message}");
            return 1;
        }
    }
}
