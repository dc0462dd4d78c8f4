using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Guest;
using Sos.Lab.Machine;
using Sos.Lab.Matrix;
using Sos.Lab.Network;

namespace Sos.Lab;

/// <summary>The lab's command line.</summary>
internal static class LabCommand
{
    private const int ExitUsage = 2;

    /// <summary>Runs one command of the lab.</summary>
    /// <returns>The exit code: that of the guest's command, or 2 for wrong usage.</returns>
    public static async Task<int> RunAsync(string[] arguments, string usage)
    {
        int separator = Array.IndexOf(arguments, "--");
        string[] options = separator < 0 ? arguments : arguments[..separator];
        if (options is ["matrix", .. { Length: <= 1 } kernel])
        {
            return await MatrixCommand.RunAsync(kernel.FirstOrDefault());
        }

        if (options is ["console", ..])
        {
            return await ConsoleCommand.RunAsync(options[1..]);
        }

        string line = separator < 0 ? "" : string.Join(' ', arguments[(separator + 1)..]);
        if (options is not ["run" or "shell", ..] || (options[0] == "run") != (line.Length > 0))
        {
            Console.Error.WriteLine(usage);
            return ExitUsage;
        }

        (LabMachineOptions machine, int cards, TimeSpan timeout) = Parse(options.AsSpan(1));
        await using LabNetwork? network = cards > 0 ? await LabNetwork.CreateAsync(cards) : null;
        for (int segment = 0; segment < cards; segment++)
        {
            string suffix = segment == 0 ? "" : $"{segment}";
            _ = await network!.AddPeerAsync("client" + suffix, segment);
            _ = await network.AddPeerAsync("attacker" + suffix, segment);
        }

        machine = machine with { Network = network, Interactive = options[0] == "shell" };
        return machine.Interactive ? await LabShell.RunAsync(machine) : await RunCommandAsync(machine, line, timeout);
    }

    private static async Task<int> RunCommandAsync(LabMachineOptions options, string line, TimeSpan timeout)
    {
        await using LabMachine machine = await LabMachine.BootAsync(options);
        GuestCommand command = machine.Start(line);
        using System.IO.Stream output = Console.OpenStandardOutput();
        command.OutputReceived += piece => output.Write(piece.Span);
        command.EndInput();
        CommandResult result = await command.WaitAsync(timeout);
        Console.Error.Write(result.Error);
        foreach (string problem in machine.Console.Problems)
        {
            Console.Error.WriteLine($"lab: the kernel complained: {problem} (see {machine.Console.Path})");
        }

        return result.ExitCode;
    }

    private static (LabMachineOptions Machine, int Cards, TimeSpan Timeout) Parse(ReadOnlySpan<string> words)
    {
        LabMachineOptions options = new();
        List<GuestFile> files = [];
        int cards = 1;
        int timeoutSeconds = 600;
        for (int index = 0; index < words.Length; index++)
        {
            string word = words[index];
            if (word is "--iommu")
            {
                options = options with { Iommu = true };
                continue;
            }

            if (word is "--no-remapping")
            {
                options = options with { InterruptRemapping = false };
                continue;
            }

            if (word is "--spare-cpu")
            {
                options = options with { SpareCpu = true };
                continue;
            }

            if (word is "--no-driver")
            {
                options = options with { LoadDriver = false };
                continue;
            }

            if (++index == words.Length)
            {
                throw new ArgumentException($"{word} needs a value, or is unknown");
            }

            string value = words[index];
            switch (word)
            {
                case "--kernel":
                    options = options with { Kernel = value };
                    break;
                case "--cpus":
                    options = options with { Cpus = Number(word, value) };
                    break;
                case "--threads":
                    options = options with { ThreadsPerCore = Number(word, value) };
                    break;
                case "--memory":
                    options = options with { MemoryMiB = Number(word, value) };
                    break;
                case "--cpu":
                    options = options with { CpuModel = value };
                    break;
                case "--append":
                    options = options with { KernelArguments = value };
                    break;
                case "--device":
                    options = options with { Devices = [.. options.Devices, value] };
                    break;
                case "--cards":
                    cards = Number(word, value);
                    break;
                case "--timeout":
                    timeoutSeconds = Number(word, value);
                    break;
                case "--file" when value.Split(':') is [string host, string guest]:
                    files.Add(new GuestFile(host, guest));
                    break;
                default:
                    throw new ArgumentException($"unknown option {word} {value}");
            }
        }

        return (options with { Files = files }, cards, TimeSpan.FromSeconds(timeoutSeconds));
    }

    private static int Number(string option, string value) =>
        int.TryParse(value, CultureInfo.InvariantCulture, out int number) && number >= 0
            ? number
            : throw new ArgumentException($"{option} wants a number, not '{value}'");
}
