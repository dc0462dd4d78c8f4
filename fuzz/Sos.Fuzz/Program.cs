using System;
using System.Globalization;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Linq;

namespace Sos.Fuzz;

/// <summary>The command line: list, or a target and for how long.</summary>
internal static class Program
{
    private const string Usage = """
        usage: Sos.Fuzz list
               Sos.Fuzz TARGET [--seconds N] [--count N] [--seed S] [--at NUMBER] [--output FOLDER]
               Sos.Fuzz TARGET --input FILE
               Sos.Fuzz processor [--share N] [--steps N] [--programs N] [--seed S]
        Exit code 0: nothing found; 1: a finding, its input is saved; 2: wrong usage.
        """;

    private static int Main(string[] arguments)
    {
        if (arguments is ["list"])
        {
            foreach (FuzzTarget each in FuzzTargets.All)
            {
                Console.WriteLine($"{each.Name,-22} {each.Description}");
            }

            return 0;
        }

        if (arguments is ["processor", ..])
        {
            return Processor.ProcessorFuzz.RunCommand(arguments[1..]);
        }

        FuzzTarget? target = FuzzTargets.All.FirstOrDefault(each => arguments.Length > 0 && each.Name == arguments[0]);
        if (target is null || arguments.Length % 2 == 0 || !Options.TryParse(arguments.AsSpan(1), out Options options))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        return options.InputFile is { } file ? RunFile(target, file) : Run(target, options);
    }

    private static int RunFile(FuzzTarget target, string file)
    {
        string? problem = FuzzRun.Try(target, File.ReadAllBytes(file), out bool accepted);
        Console.WriteLine(problem ?? (accepted ? "accepted" : "refused, as it may be"));
        return problem is null ? 0 : 1;
    }

    private static int Run(FuzzTarget target, Options options)
    {
        Directory.CreateDirectory(options.Output);

        // What ends the process leaves the number of its input behind, for --at.
        string lastFile = Path.Combine(options.Output, target.Name + ".last");
        using MemoryMappedFile last = MemoryMappedFile.CreateFromFile(lastFile, FileMode.Create, null, sizeof(long));
        using MemoryMappedViewAccessor view = last.CreateViewAccessor();
        Console.WriteLine($"{target.Name}: seed {options.Seed}");
        FuzzRun run = new(target, Corpus.Load(target.Name), options.Seed, number => view.Write(0, number));
        FuzzResult result = options.At is { } at
            ? run.Run(at, 1, TimeSpan.MaxValue)
            : run.Run(0, options.Count, options.Time);
        Console.WriteLine($"{result.Executions} executions, {result.Accepted} accepted");
        if (result.Finding is not { } finding)
        {
            return 0;
        }

        string saved = Path.Combine(options.Output, $"{target.Name}-{options.Seed}-{finding.Number}");
        File.WriteAllBytes(saved, finding.Input);
        Console.WriteLine($"FOUND with seed {options.Seed}, input {finding.Number}, saved as {saved}:");
        Console.WriteLine(finding.Problem);
        return 1;
    }

    private sealed record Options
    {
        public ulong Seed { get; private set; } = (ulong)Random.Shared.NextInt64();

        public long Count { get; private set; } = long.MaxValue;

        public TimeSpan Time { get; private set; } = TimeSpan.MaxValue;

        public long? At { get; private set; }

        public string? InputFile { get; private set; }

        public string Output { get; private set; } = Path.Combine("artifacts", "fuzz");

        public static bool TryParse(ReadOnlySpan<string> arguments, out Options options)
        {
            options = new Options();
            bool isBounded = false;
            for (int i = 0; i < arguments.Length; i += 2)
            {
                string value = arguments[i + 1];
                bool isNumber = ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number);
                switch (arguments[i])
                {
                    case "--seconds" when isNumber && number < int.MaxValue:
                        options.Time = TimeSpan.FromSeconds((int)number);
                        isBounded = true;
                        break;
                    case "--count" when isNumber && number <= long.MaxValue:
                        options.Count = (long)number;
                        isBounded = true;
                        break;
                    case "--at" when isNumber && number < long.MaxValue:
                        options.At = (long)number;
                        break;
                    case "--seed" when isNumber:
                        options.Seed = number;
                        break;
                    case "--input":
                        options.InputFile = value;
                        break;
                    case "--output":
                        options.Output = value;
                        break;
                    default:
                        return false;
                }
            }

            options.Time = isBounded ? options.Time : TimeSpan.FromSeconds(10);
            return true;
        }
    }
}
