using System;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using Sos.Lab.Machine;

namespace Sos.Lab;

/// <summary><c>lab.sh console</c>: boots a machine with a console on a core of its own, has Linux panic, and gives the line with which one logs in.</summary>
internal static class ConsoleCommand
{
    private const int Core = 3;
    private const string Start =
        "ip link set eth0 up && sosctl console key /root/console.key > /dev/null && sosctl core reserve 3 && "
        + $"sosctl console start 3 --device eth0 --address {LabMachineOptions.ForwardAddress} --ssh /root/.ssh/authorized_keys "
        + "--host-key /root/console.key --grant linux-memory,sysrq,nmi,crash,reboot,release";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs the command.</summary>
    /// <param name="words">Its options.</param>
    /// <returns>The exit code: 0 if somebody could log in.</returns>
    public static async Task<int> RunAsync(string[] words)
    {
        (string? kernel, int port, bool stays) = Parse(words);
        LabMachineOptions options = new() { ForwardedPort = port, KernelArguments = "panic=0" };
        options = kernel is null ? options : options with { Kernel = kernel };
        Say($"boots a machine: Linux {options.Kernel}, {options.Cpus} CPUs, one card");
        await using LabMachine machine = await LabMachine.BootAsync(options);
        Say($"CPU {Core} leaves Linux, and the console starts on it; it shares the card with Linux");
        await machine.CheckAsync(Start, Limit);
        Say("Linux panics: echo c > /proc/sysrq-trigger");
        _ = machine.Start("echo c > /proc/sysrq-trigger");
        await machine.Console.WaitForAsync("end Kernel panic", Limit);

        string login = machine.SshCommand("127.0.0.1", "console", port);
        bool works = true;
        foreach (string command in (string[])["status", "cpus", "dmesg --level 0"])
        {
            Console.WriteLine($"  $ ssh console@HOST {command}");
            CommandResult result = await HostProcess.RunAsync(["sh", "-c", $"{login} {command}"], Limit);
            Console.WriteLine("    " + (result.Output + result.Error).TrimEnd().ReplaceLineEndings("\n    "));
            works &= result.ExitCode == 0;
        }

        if (stays && works)
        {
            Say("log in from another terminal; 'help' lists the commands, 'reboot' ends the machine, and so does ^C here");
            Console.WriteLine($"  {login}");
            await machine.WaitForExitAsync();
            Say("the machine was reset");
        }

        return works ? 0 : 1;
    }

    private static void Say(string text) => Console.WriteLine($"== {text}");

    private static (string? Kernel, int Port, bool Stays) Parse(ReadOnlySpan<string> words)
    {
        string? kernel = null;
        int port = 0;
        bool stays = true;
        for (int index = 0; index < words.Length; index++)
        {
            switch (words[index])
            {
                case "--once":
                    stays = false;
                    break;
                case "--kernel" when index + 1 < words.Length:
                    kernel = words[++index];
                    break;
                case "--port" when index + 1 < words.Length && ushort.TryParse(words[index + 1], CultureInfo.InvariantCulture, out ushort number) && number > 0:
                    port = number;
                    index++;
                    break;
                default:
                    throw new ArgumentException($"console takes --kernel NAME, --port N and --once, not '{words[index]}'");
            }
        }

        return (kernel, port == 0 ? FreePort() : port, stays);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
