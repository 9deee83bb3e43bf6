# Makes one man page from its scdoc source; @KEYS@ stands for what PROGRAM says of its keys.
#     cmake -DSOURCE=x.5.scd -DOUTPUT=x.5 -DSCDOC=scdoc -DPROGRAM=mailcorectl -P assemble.cmake
file(READ "${SOURCE}" page)
string(FIND "${page}" "@KEYS@" marker)
if(NOT marker EQUAL -1)
  execute_process(COMMAND "${PROGRAM}" reference man-keys OUTPUT_VARIABLE keys COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "@KEYS@" "${keys}" page "${page}")
endif()
file(WRITE "${OUTPUT}.scd" "${page}")
execute_process(COMMAND "${SCDOC}" INPUT_FILE "${OUTPUT}.scd" OUTPUT_VARIABLE page COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE "${OUTPUT}.scd")

# scdoc 1.11 begins paragraphs where there is none, which mandoc warns of.
foreach(nesting RANGE 3)
  string(REPLACE "\n.P\n.RE" "\n.RE\n.P" page "${page}")
endforeach()
string(REGEX REPLACE "\n(\\.P\n)+" "\n.P\n" page "${page}")
foreach(again RANGE 1)   # a section's first line may be the next one's heading
  string(REGEX REPLACE "(\n\\.S[HS] [^\n]*)\n\\.P\n" "\\1\n" page "${page}")
endforeach()
string(REGEX REPLACE "\n\\.P(\n\\.S[HS])" "\\1" page "${page}")
string(REGEX REPLACE "\n\\.P\n$" "\n" page "${page}")
file(WRITE "${OUTPUT}" "${page}")
