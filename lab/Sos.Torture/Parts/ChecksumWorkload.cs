using System;
using System.Globalization;
using System.Threading.Tasks;
using Sos.Lab.Agent;
using Sos.Lab.Machine;

namespace Sos.Torture.Parts;

/// <summary>Work in Linux whose result is known: it sums the same megabytes over and over, and counts how often the sum was wrong.</summary>
internal sealed class ChecksumWorkload : IAsyncDisposable
{
    private const string Script =
        "dd if=/dev/urandom of=/tmp/sum.data bs=1M count=4 2>/dev/null; good=$(sha256sum < /tmp/sum.data); right=0; wrong=0; "
        + "while :; do [ \"$(sha256sum < /tmp/sum.data)\" = \"$good\" ] && right=$((right + 1)) || wrong=$((wrong + 1)); "
        + "echo $right $wrong > /tmp/sum.new; mv /tmp/sum.new /tmp/sum.result; sleep 0.1; done";

    private readonly LabMachine _machine;
    private readonly GuestCommand _command;
    private int _right;

    private ChecksumWorkload(LabMachine machine)
    {
        _machine = machine;
        _command = machine.Start(Script);
    }

    /// <summary>Starts it.</summary>
    public static async Task<ChecksumWorkload> StartAsync(LabMachine machine)
    {
        ChecksumWorkload workload = new(machine);
        await machine.CheckAsync("n=0; until [ -e /tmp/sum.result ] || [ $n = 600 ]; do sleep 0.1; n=$((n + 1)); done; cat /tmp/sum.result");
        return workload;
    }

    /// <summary>Whether it went on since the last call, and never was wrong.</summary>
    public async Task<bool> IsRightAsync()
    {
        string before = $"{_right} ";
        string[] words = (await _machine.CheckAsync(
            $"n=0; while case $(cat /tmp/sum.result) in '{before}'*) [ $n != 600 ];; *) false;; esac; do sleep 0.1; n=$((n + 1)); done; cat /tmp/sum.result"))
            .Split(' ');
        int right = int.Parse(words[0], CultureInfo.InvariantCulture);
        bool goesOn = right > _right;
        _right = right;
        return goesOn && words[1] == "0";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_machine.IsRunning)
        {
            return;
        }

        _command.Kill();
        _ = await _command.WaitAsync(TimeSpan.FromSeconds(30));
        _ = await _machine.RunAsync("rm -f /tmp/sum.*");
    }
}
