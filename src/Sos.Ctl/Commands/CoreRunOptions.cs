using System.CommandLine;
using Sos.Cores;

namespace Sos.Ctl.Commands;

/// <summary>The options that say how a core that leaves Linux is to run. Made anew for each command that has them.</summary>
internal sealed class CoreRunOptions
{
    private readonly Option<bool> _shareCore = new("--share-core")
    {
        Description = "Take this thread alone, though its core's other threads stay Linux's and either can read what the other computes",
    };

    private readonly Option<CorePerformance> _performance = new("--performance")
    {
        Description = "The frequency to ask for: max (default), nominal (at least that), fixed (the nominal one and no other)",
    };

    private readonly Option<uint?> _resctrlClass = new("--resctrl-class")
    {
        Description = "The class of service (CLOSID) for cache and memory bandwidth, as resctrl has set it up; by default Linux's own, 0",
        HelpName = "NUMBER",
    };

    public CoreRunOptions() => _resctrlClass.Validators.Add(result =>
    {
        if (result.Tokens is [{ Value: { } text }] && !(uint.TryParse(text, out uint number) && number <= CoreOptions.ResctrlClassMax))
        {
            result.AddError($"\"{text}\" is no class of service: give a whole number from 0 to {CoreOptions.ResctrlClassMax}");
        }
    });

    public void AddTo(Command command)
    {
        command.Options.Add(_shareCore);
        command.Options.Add(_performance);
        command.Options.Add(_resctrlClass);
    }

    /// <summary>Reads what is given.</summary>
    /// <param name="result">The command's line.</param>
    /// <param name="former">The options of before, which stay where nothing is given.</param>
    public CoreOptions Read(ParseResult result, CoreOptions former) => new(
        Given(result, _shareCore, former.ShareCore), Given(result, _performance, former.Performance), Given(result, _resctrlClass, former.ResctrlClass));

    private static T Given<T>(ParseResult result, Option<T> option, T former)
        => result.GetResult(option) is { Implicit: false } ? result.GetValue(option)! : former;
}
