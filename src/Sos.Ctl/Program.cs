using System;
using Sos.Cores.Operations;
using Sos.Ctl;
using Sos.Ctl.Commands;
using Sos.Verbs;

Keepers.BecomeProgram(CoreCommands.Name);
return CommandLine.Run(args, new Terminal(StandardOutput.Open(), Console.Error));
